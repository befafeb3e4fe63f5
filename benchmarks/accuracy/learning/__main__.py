"""See trainings.py: workers must find its functions by their module."""

from benchmarks.accuracy.learning.trainings import main

if __name__ == "__main__":
    main()
