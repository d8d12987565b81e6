import pytest

from parzc.notation import plugins_named, read_call


def test_a_name_is_no_call():
    assert read_call("synflow") is None
    assert read_call("runs/a.parzc") is None


def test_members_are_what_stands_between_commas():
    assert read_call(" vote(synflow, jacob_cov ,snip) ") == ("vote", ["synflow", "jacob_cov", "snip"])


def test_commas_in_parentheses_belong_to_a_member():
    assert read_call("rank_sum(a,vote(b,c),d)") == ("rank_sum", ["a", "vote(b,c)", "d"])


def test_names_may_be_dotted_or_paths():
    assert read_call("mylab.vote:mine(runs/a b.parzc,mylab.f:g)") == (
        "mylab.vote:mine",
        ["runs/a b.parzc", "mylab.f:g"],
    )


@pytest.mark.parametrize(
    "text", ["vote(", "vote)", "vote()", "vote(a,)", "(a,b)", "vote(a)(b)", "vote(a", "vote(a,b)c", "a(b(c)"]
)
def test_what_does_not_match_is_refused(text: str):
    with pytest.raises(ValueError, match=r"should be written like az_rank\(synflow,snip\), got '"):
        plugins_named(text)


def test_every_plugin_of_a_notation_is_listed():
    assert plugins_named("rank_sum(snip,mylab.vote(x.y:f,flops))") == [
        ("aggregations", "rank_sum"),
        ("proxies", "snip"),
        ("aggregations", "mylab.vote"),
        ("proxies", "x.y:f"),
        ("proxies", "flops"),
    ]
