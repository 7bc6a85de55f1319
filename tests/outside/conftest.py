"""The project is copied and run by the tests beside it; its own tests are not ours."""

collect_ignore = ["project"]
