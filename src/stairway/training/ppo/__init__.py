"""PPO by Stable-Baselines3: the only place that imports torch and SB3."""
