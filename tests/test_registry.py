"""One dictionary for each kind of extension, and what is said when a name is not in it."""

import pytest

from tierwise.errors import NotFound, TierwiseError
from tierwise.registry import Registry


@pytest.fixture
def registry() -> Registry:
    registry = Registry("router")
    for name in ("rules", "table", "tree"):
        registry.add(name)(name.upper())
    return registry


def test_entries_keep_their_order_and_the_decorator_gives_back_its_target(registry):
    assert list(registry) == ["rules", "table", "tree"]
    assert registry.items() == [("rules", "RULES"), ("table", "TABLE"), ("tree", "TREE")]

    @registry.add("mine")
    class Mine:
        pass

    assert registry["mine"] is Mine and "mine" in registry and "other" not in registry


def test_a_name_can_be_taken_once(registry):
    with pytest.raises(ValueError, match="two routers are called 'tree'"):
        registry.add("tree")(object())
    assert registry["tree"] == "TREE"


@pytest.mark.parametrize(("name", "words"), [
    ("tabel", "There is no router called 'tabel'. Did you mean table? Available: rules, table, tree."),
    ("zzz", "There is no router called 'zzz'. Available: rules, table, tree."), ("",
    "There is no router called ''. Available: rules, table, tree.")])  # fmt: skip
def test_an_unknown_name_is_told_near_names_and_all_there_are(registry, name, words):
    with pytest.raises(NotFound) as error:
        registry[name]
    assert str(error.value) == words and isinstance(error.value, TierwiseError)


def test_a_list_taken_earlier_does_not_change(registry):
    before = registry.items()
    registry.add("late")(1)
    assert len(before) == 3 and len(registry.items()) == 4
