"""Settings of the example course; see README.md in the folder above."""

c = get_config()  # noqa: F821  (nbgrader provides it)
c.CourseDirectory.course_id = "tinytorch"
c.ExecutePreprocessor.timeout = 60  # seconds for a cell; an endless loop costs its own points
# The .py file paired with the notebook has the solutions: it must not reach the students.
c.CourseDirectory.ignore = ["*.py", "*.pyc", ".ipynb_checkpoints", "__pycache__"]
