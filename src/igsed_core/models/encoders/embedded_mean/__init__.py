"""The second encoder that ships with the package: its network, its weights and their record."""
