"""AppTest over the whole app, on a workspace of its own or on one that already holds the working example."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit import config
from streamlit.testing.v1 import AppTest

from tierwise import settings

# AppTest itself keeps functions in the session state; that ours holds values only is tried in a real browser.
config.set_option("runner.enforceSerializableSessionState", False)

SCREENS = ("home", "evalsets", "traffic", "models", "run", "grade", "compare", "tune", "export", "ledger")


class App:
    """The app as a visitor has it: `open` goes to a screen, and every run is checked for exceptions."""

    def __init__(self) -> None:
        self.at = AppTest.from_file(str(settings.ROOT / "app.py"), default_timeout=60)

    def open(self, screen: str = "home", **query: str) -> AppTest:
        for key, value in query.items():
            self.at.query_params[key] = value
        if screen != "home":
            self.at.switch_page(f"pages/{screen}.py")
        return self.run()

    def run(self) -> AppTest:
        self.at.run()
        assert not self.at.exception, self.at.exception[0].value
        return self.at

    def click(self, key: str) -> AppTest:
        self.at.button(key=key).click()
        return self.run()

    def primary(self) -> list[str]:
        return [b.label for b in self.buttons() if b.proto.type == "primary"]

    def buttons(self) -> list:
        return [*self.at.button, *self.at.get("download_button")]

    def metric(self, label: str) -> str:
        return next(m.value for m in self.at.metric if m.label == label)

    def badges(self) -> str:
        return " ".join(m.value for m in self.at.markdown if "badge" in m.value)


def app_query(at: AppTest, name: str) -> str:
    """A parameter of the link; AppTest gives it as text before a run and as a list after one."""
    value = at.query_params[name]
    return value if isinstance(value, str) else value[0]


@pytest.fixture
def app() -> App:
    return App()


@pytest.fixture
def empty_app(monkeypatch: pytest.MonkeyPatch) -> App:
    """A workspace without the working example."""
    monkeypatch.setattr("tierwise.simulation.demo.ensure_demo", lambda store: None)
    return App()


@pytest.fixture(scope="session")
def _shared_workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared-workspace")


@pytest.fixture
def filled_app(_shared_workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[App]:
    """A workspace with the working example, made once and shared by the tests that only read it."""
    monkeypatch.setenv("TIERWISE_DATA", str(_shared_workspace))
    yield App()
