"""The paper's experiment, pages 01 to 06: its parameters, what it leaves behind, its figures and tables."""
