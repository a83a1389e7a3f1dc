"""Long lists in messages."""

from paddleseg_u2net.text import short_lines, short_list, short_values


def test_lists_say_how_much_is_left_out():
    assert short_list("abc") == "a, b, c"
    assert short_list("abcdef", 3) == "a, b, c and 3 more"
    assert short_values([3, 1, 2]) == "1, 2, 3"
    assert short_values(range(12), 3) == "0, 1, 2 ... 11 (12 values)"
    assert short_lines(["a", "b"], 2) == ["a", "b"]
    assert short_lines(["a", "b", "c"], 1) == ["a", "... and 2 more"]
