"""Options of the whole suite."""


def pytest_addoption(parser):
    parser.addoption("--update-graph", action="store_true", help="write the asset graph as it is into its golden file")
