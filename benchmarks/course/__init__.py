"""The course's typical operations, by three contenders."""
