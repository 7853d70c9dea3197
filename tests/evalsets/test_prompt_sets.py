"""Prompt sets from files: kept to the letter, columns guessed and told, problems by row, the same content recognised."""

import json
import re
from dataclasses import fields, replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tables.files import TRAPS, WRITERS
from tierwise.errors import BadInput, NotFound
from tierwise.evalsets import digest_of, evalset_of, load_shipped, parse_evalset, problems_error, shipped, to_jsonl
from tierwise.types import Sample

TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=30)
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": TEXT})
CHAT = st.lists(MESSAGE, max_size=2).flatmap(lambda start: TEXT.map(lambda last: (*start, {"role": "user", "content": last})))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | TEXT, lambda v: st.lists(v, max_size=2), max_leaves=3
)
SAMPLE = st.builds(
    Sample,
    id=st.uuids().map(str),
    input=TEXT,
    reference=st.none() | TEXT,
    request_type=st.none() | TEXT,
    system=st.none() | TEXT,
    messages=st.just(()) | CHAT,
    context=st.none() | TEXT,
    cluster=st.none() | TEXT,
    weight=st.floats(1e-9, 1e9),
    metadata=st.dictionaries(TEXT, VALUES, max_size=3),
)


def csv(*lines: str, name: str = "set.csv", mapping: dict | None = None):
    return parse_evalset("\r\n".join(lines).encode(), name, "set", mapping)


def rows(*objects: dict, mapping: dict | None = None):
    return parse_evalset("\n".join(map(json.dumps, objects)).encode(), "set.jsonl", "set", mapping)


def told(parsed) -> str:
    assert parsed.evalset is None
    return str(problems_error(parsed, "set"))


@pytest.mark.parametrize("suffix", list(WRITERS))
def test_trap_prompts_come_back_from_the_store_byte_for_byte(store, suffix):
    data = WRITERS[suffix]([{"id": name, "prompt": text, "reference": text or "none", "topic": "x" + text} for name, text in TRAPS.items()])
    parsed = parse_evalset(data, f"traps.{suffix}", "traps")
    assert parsed.problems == []
    kept = store.evalsets.get(store.evalsets.add(parsed.evalset).id)
    assert {s.id: s.input.encode() for s in kept.samples} == {name: text.encode() for name, text in TRAPS.items()}
    assert [s.reference for s in kept.samples] == [text or "none" for text in TRAPS.values()]
    assert [s.metadata for s in kept.samples] == [{}] * len(TRAPS)
    assert [s.request_type for s in kept.samples] == ["x" + text for text in TRAPS.values()]
    again = parse_evalset(to_jsonl(kept), "out.jsonl", "traps")
    assert again.evalset.digest == kept.digest == digest_of(kept.samples)


@given(st.lists(SAMPLE, min_size=1, max_size=4, unique_by=lambda s: s.id))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_set_survives_the_store_and_the_exported_file(store, samples):
    evalset = evalset_of("any", samples)
    kept = store.evalsets.get(store.evalsets.add(evalset).id)
    parsed = parse_evalset(to_jsonl(kept), "any.jsonl", "any")
    assert parsed.problems == []
    assert parsed.evalset.samples == kept.samples == evalset.samples
    assert parsed.evalset.digest == evalset.digest


def test_the_same_content_is_recognised_whatever_file_it_comes_from(store):
    data = [{"prompt": "a", "reference": "b", "type": "x"}, {"prompt": "c", "reference": "d", "type": "y"}]
    parsed = [parse_evalset(write(data), f"set.{suffix}", suffix) for suffix, write in WRITERS.items()]
    assert len({p.evalset.digest for p in parsed}) == 1
    assert len({store.evalsets.add(p.evalset).id for p in parsed}) == 1 == len(store.evalsets.list())
    assert parsed[0].evalset.id == parsed[0].evalset.digest[:12]


CHANGES = {
    "id": "other",
    "input": "x ",
    "reference": "",
    "request_type": "t",
    "system": "",
    "messages": ({"role": "user", "content": "x"},),
    "context": "",
    "cluster": "c",
    "weight": 1.0000001,
    "metadata": {"a": None},
}


@pytest.mark.parametrize("field", [f.name for f in fields(Sample)])
def test_any_change_makes_another_digest(field):
    before, other = Sample("a", "x"), Sample("b", "y")
    assert digest_of([replace(before, **{field: CHANGES[field]}), other]) != digest_of([before, other])


def test_the_digest_minds_the_order_of_prompts_and_not_of_keys():
    a, b = Sample("a", "x", metadata={"p": 1, "q": {"r": 2, "s": 3}}), Sample("b", "y")
    assert digest_of([a, b]) != digest_of([b, a])
    assert digest_of([a]) == digest_of([replace(a, metadata={"q": {"s": 3, "r": 2}, "p": 1}, weight=1)])
    assert digest_of([Sample("a", "x"), Sample("b", "")]) != digest_of([Sample("a", "x")])


GUESSES = {
    "Prompt": "input",
    "QUESTION": "input",
    "User Input": "input",
    "user_query": "input",
    "Instruction": "input",
    "text": "input",
    "ground-truth": "reference",
    "Expected Output": "reference",
    "ideal": "reference",
    "Answer": "reference",
    "label": "reference",
    "Category": "request_type",
    "task": "request_type",
    "intent": "request_type",
    "Request Type": "request_type",
    "passage": "context",
    "Document": "context",
    "System Prompt": "system",
    "conversation": "messages",
    "ID": "id",
    "prompt_id": "id",
    "template": "cluster",
    "Frequency": "weight",
    "count": "weight",
    "meta": "metadata",
    "owner": "metadata",
    "urgent?": "metadata",
}


@pytest.mark.parametrize("column", GUESSES)
def test_columns_are_guessed_by_name(column):
    use = GUESSES[column]
    other = {} if use == "input" else {"prompt": "p"}
    parsed = rows(other | {column: [{"role": "user", "content": "q"}] if use == "messages" else 1 if use == "weight" else "v"})
    assert parsed.mapping[column] == use and parsed.problems == []
    assert set(parsed.mapping) == set(parsed.table.columns)


def test_the_surest_name_wins_and_the_others_are_kept():
    parsed = csv("text,prompt,answer,expected,type,task,owner", "t,p,a,e,y,k,o")
    (sample,) = parsed.evalset.samples
    assert (sample.input, sample.reference, sample.request_type) == ("p", "e", "y")
    assert sample.metadata == {"text": "t", "answer": "a", "task": "k", "owner": "o"}


def test_an_instruction_with_its_input_is_a_prompt_with_its_context():
    (sample,) = rows({"instruction": "Translate", "input": "Guten Tag", "output": "Good day"}).evalset.samples
    assert (sample.input, sample.context, sample.reference) == ("Translate", "Guten Tag", "Good day")


def test_a_source_is_a_cluster_only_where_it_groups_few_prompts():
    many = csv("prompt,source", *(f"p{i},{'web' if i % 2 else 'mail'}" for i in range(40)))
    assert many.mapping["source"] == "metadata" and many.evalset.samples[0].metadata == {"source": "mail"}
    few = csv("prompt,source", *(f"p{i},doc{i // 3}" for i in range(40)))
    assert few.mapping["source"] == "cluster" and few.evalset.samples[3].cluster == "doc1"


def test_a_lone_column_of_text_is_the_prompt_and_is_told():
    parsed = csv("n,Kundenfrage", "1,Wo ist mein Paket?", "2,Storno bitte")
    assert [s.input for s in parsed.evalset.samples] == ["Wo ist mein Paket?", "Storno bitte"]
    assert parsed.notices == ["No column is named as a prompt; 'Kundenfrage' is the one with text and was taken."]
    assert parsed.mapping == {"n": "metadata", "Kundenfrage": "input"}


def test_without_a_prompt_the_columns_are_listed():
    parsed = csv("alpha,beta", "some words,other words")
    assert "No column is the prompt" in told(parsed) and "'alpha', 'beta'" in told(parsed)
    assert parsed.mapping == {"alpha": "metadata", "beta": "metadata"}


def test_a_mapping_overrules_the_guess_for_its_columns_only():
    parsed = csv("prompt,alternative,answer,owner", "p,a,r,o", mapping={"alternative": "prompt", "owner": "ignore"})
    assert parsed.mapping == {"prompt": "metadata", "alternative": "input", "answer": "reference", "owner": "ignore"}
    (sample,) = parsed.evalset.samples
    assert (sample.input, sample.reference, sample.metadata) == ("a", "r", {"prompt": "p"})


def test_the_guess_given_back_changes_nothing():
    guessed = csv("id,prompt,answer,owner", "a,p,r,o")
    assert csv("id,prompt,answer,owner", "a,p,r,o", mapping=guessed.mapping).evalset.digest == guessed.evalset.digest


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"promt": "input"}, "no column 'promt'. Did you mean 'prompt'. Columns: 'prompt', 'answer'"),
        ({"answer": "refrence"}, "no field 'refrence'. Did you mean 'reference'.*Fields: input, reference"),
        ({"prompt": "input", "answer": "prompt"}, "'prompt' and 'answer' are both to be the input"),
    ],
)
def test_a_mapping_that_names_what_is_not_there_is_refused(mapping, said):
    with pytest.raises(BadInput, match=said):
        csv("prompt,answer", "p,r", mapping=mapping)


def test_metadata_is_unwrapped_and_merged():
    parsed = rows(
        {"prompt": "p", "metadata": {"topic": "a", "deep": {"x": [1]}}, "metadata.channel": "mail", "meta_urgent": True, "owner": None}
    )
    assert parsed.evalset.samples[0].metadata == {"topic": "a", "deep": {"x": [1]}, "channel": "mail", "urgent": True}
    parsed = csv("prompt,metadata,owner", 'p,"{""topic"": ""a""}",o', "q,just words,", "r,,")
    assert [s.metadata for s in parsed.evalset.samples] == [{"topic": "a", "owner": "o"}, {"metadata": "just words"}, {}]


def test_metadata_that_comes_twice_is_a_problem():
    assert "row 1 (line 1), column 'metadata': 'owner' is a column" in told(rows({"prompt": "p", "owner": "a", "metadata": {"owner": "b"}}))
    both = rows({"prompt": "p", "owner": "a", "meta_owner": "b"})
    assert both.evalset.samples[0].metadata == {"owner": "a", "meta_owner": "b"}


def test_an_empty_cell_is_no_value_and_an_empty_prompt_is_a_prompt():
    parsed = csv("prompt,reference,context,cluster,weight", "a,,,,", '"",b,c,d,2')
    first, second = parsed.evalset.samples
    assert first == Sample("0001", "a")
    assert second == Sample("0002", "", "b", context="c", cluster="d", weight=2.0)
    assert parsed.notices == ["The prompt is empty in row 2. It is kept so; remove the row if it should not be sent."]


def test_json_tells_an_empty_text_from_none():
    parsed = rows({"prompt": "", "reference": "", "system": None})
    assert parsed.evalset.samples == (Sample("0001", "", ""),)
    problems = rows({"prompt": "a"}, {"prompt": None}, {"reference": "x"}).problems
    assert [(p.row, p.line, p.column, p.message) for p in problems] == [
        (2, 2, "prompt", "there is no prompt"),
        (3, 3, "prompt", "there is no prompt"),
    ]


def test_what_is_no_text_is_taken_as_text_and_told():
    parsed = rows({"prompt": 1.50, "reference": 42, "context": ["a", "b"]}, {"prompt": True, "reference": {"name": "é"}})
    assert [(s.input, s.reference, s.context) for s in parsed.evalset.samples] == [("1.5", "42", "a\n\nb"), ("true", '{"name": "é"}', None)]
    assert len(parsed.notices) == 5 and all("'prompt'" in n or "'reference'" in n or "'context'" in n for n in parsed.notices)
    exact = parse_evalset(b'{"prompt": "p", "reference": 4.50}', "a.jsonl", "a")
    assert exact.evalset.samples[0].reference == "4.50"
    assert "column 'prompt': an object where text should be" in told(rows({"prompt": {"a": 1}}))


def test_numbers_of_a_spreadsheet_in_the_prompt_column_are_told():
    parsed = parse_evalset(WRITERS["xlsx"]([{"prompt": 7, "n": 1}, {"prompt": "a", "n": 2}]), "a.xlsx", "a")
    assert [s.input for s in parsed.evalset.samples] == ["7", "a"]
    assert "Column 'prompt' holds numbers, dates or errors in row 1" in parsed.notices[0]


def test_ids_are_kept_or_made_in_order():
    assert [s.id for s in csv("id,prompt", "b,x", "007,y").evalset.samples] == ["b", "007"]
    assert [s.id for s in csv("prompt", "x", "y").evalset.samples] == ["0001", "0002"]
    assert [s.id for s in rows({"id": 3, "prompt": "x"}).evalset.samples] == ["3"]


def test_ids_that_repeat_or_lack_are_named_by_row():
    parsed = csv("id,prompt", "a,x", "b,y", "a,z", " ,w")
    assert [(p.row, p.line, p.column) for p in parsed.problems] == [(3, 4, "id"), (4, 5, "id")]
    assert "the id 'a' is that of row 1 too" in told(parsed)
    assert csv("id,prompt", "a,x", "a,z", mapping={"id": "metadata"}).evalset.samples[1].metadata == {"id": "a"}


@pytest.mark.parametrize("value", ["0", "-1", "nan", "inf", "heavy", "1,5", "1_0", "1e999"])
def test_a_weight_is_a_number_above_zero(value):
    parsed = parse_evalset(f'prompt,weight\r\na,1e1\r\nb,"{value}"\r\n'.encode(), "set.csv", "set")
    assert [(p.row, p.column) for p in parsed.problems] == [(2, "weight")]
    assert ("decimal point" in told(parsed)) == (value == "1,5")
    assert told(rows({"prompt": "a", "weight": True})).count("no weight") == 1


def test_equal_prompts_are_counted_and_kept():
    parsed = csv("prompt,context", "a,c", "a,c", "a,d", "a,c")
    assert len(parsed.evalset.samples) == 4 and [s.cluster for s in parsed.evalset.samples] == [None] * 4
    assert parsed.notices == ["2 of 4 prompts are the same as an earlier one. They are kept; tuning counts equal prompts as one."]


def test_conversations_are_read_from_lists_and_from_json_in_a_cell():
    chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]
    for parsed in (rows({"messages": chat}), rows({"prompt": chat}), csv("messages", '"' + json.dumps(chat).replace('"', '""') + '"')):
        (sample,) = parsed.evalset.samples
        assert sample.messages == tuple(chat) and sample.input == "" and sample.chat() == chat
        assert list(parsed.mapping.values()) == ["messages"]


def test_text_parts_are_joined_and_other_names_for_roles_understood():
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
    parsed = rows({"messages": [{"role": "user", "content": parts, "name": "Ann"}]}, {"messages": [{"from": "human", "value": "hello"}]})
    assert [s.messages for s in parsed.evalset.samples] == [({"role": "user", "content": "a\nb"},), ({"role": "user", "content": "hello"},)]
    assert len(parsed.notices) == 3 and "'name'" in " ".join(parsed.notices)


def test_a_prompt_beside_a_conversation_is_told():
    parsed = rows({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, {"prompt": "c", "messages": []})
    assert [(s.input, len(s.messages)) for s in parsed.evalset.samples] == [("a", 1), ("c", 0)]
    assert "the conversation is what is sent" in parsed.notices[0]


USER = {"role": "user", "content": "hi"}
NO_CONVERSATION = {
    "no list": ("hi", "not a JSON list|no list"),
    "a number": (5, "should be a list of messages"),
    "nobody": ([], "the conversation is empty"),
    "no object": ([USER, "hi"], "message 2 should be an object"),
    "no role": ([{"content": "hi"}], "message 1 has the role 'None'"),
    "another role": ([{"role": "tool", "content": "x"}, USER], "message 1 has the role 'tool'; roles are"),
    "no content": ([{"role": "user", "content": None}], "message 1 has no text"),
    "a number as content": ([{"role": "user", "content": 5}], "has no text"),
    "an image": ([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}], "part 1 is of the kind 'image_url'"),
    "the wrong end": ([USER, {"role": "assistant", "content": "x"}], "ends with a message of the assistant"),
    "a tool call": ([{"role": "assistant", "content": "x", "tool_calls": [1]}, USER], "message 1 calls a tool"),
}


@pytest.mark.parametrize("what", NO_CONVERSATION)
def test_what_is_no_conversation_is_refused_by_row(what):
    value, said = NO_CONVERSATION[what]
    parsed = rows({"messages": [USER]}, {"messages": value})
    assert [(p.row, p.column) for p in parsed.problems] == [(2, "messages")]
    assert re.search(said, parsed.problems[0].message)


def test_errors_name_the_first_problems_and_count_them():
    error = problems_error(csv("prompt,weight", *(f"p{i},x" for i in range(50))), "set.csv")
    assert str(error).startswith("set.csv: 50 problems, row 1 (line 2), column 'weight': 'x' is no weight")
    assert str(error).endswith("and 47 more.")


def test_a_header_of_strange_names_is_only_ever_text(store):
    names = ["prompt", 'x"; DROP TABLE samples; --', "metadata.", "__class__", "a\nb", "'", "rowid", "=1+1"]
    data = WRITERS["csv"]([dict.fromkeys(names, "v")])
    kept = store.evalsets.get(store.evalsets.add(parse_evalset(data, "set.csv", names[1]).evalset).id)
    assert kept.samples[0].metadata == dict.fromkeys(names[1:], "v") and kept.name == names[1]


def test_an_unknown_shipped_set_is_answered_with_the_names():
    with pytest.raises(NotFound, match=r"Did you mean contracts.*Shipped sets: contracts, extraction, "):
        load_shipped("contract")


@pytest.mark.parametrize("name", [s.name for s in shipped()])
def test_a_shipped_set_comes_back_from_its_export(name):
    loaded = load_shipped(name)
    assert parse_evalset(to_jsonl(loaded), f"{name}.jsonl", name).evalset.digest == loaded.digest
