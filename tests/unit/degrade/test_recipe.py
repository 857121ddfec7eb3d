"""Recipes: what they say, in which order they act, and that their randomness follows from the key alone."""

import numpy as np
import pytest

from models.degrade.operations import Blur, Jpeg
from models.degrade.recipe import Recipe, copy_key, find_recipe, parse_recipe
from models.tool_errors import RecipeInvalid


def recipe(text):
    return parse_recipe(('format = 1\nname = "mine"\n' + text).encode(), "mine.toml")


SHRINK = '[[operations]]\nkind = "shrink"\nface_pixels = [20, 60]\n'
GREY = '[[operations]]\nkind = "grey"\nprobability = 0.5\n'
MISPLACE = '[[operations]]\nkind = "misplace"\noffset = 0.3\nlimit = 0.7\nsize = [0.5, 1.2]\naspect = [0.7, 1.0]\n'
DRIFT = '[[operations]]\nkind = "drift"\namount = [0.05, 0.2]\n'


def same(one, other):
    return one.box == other.box and np.array_equal(one.pixels, other.pixels)


def test_default_recipe_is_shipped_and_covers_the_nuisances():
    kinds = [operation.kind for operation in find_recipe("default").operations]

    assert kinds == ["turn", "turn", "cover", "light", "grey", "blur", "shrink", "jpeg", "enlarge", "misplace", "drift"]


def test_recipe_none_is_none():
    assert find_recipe("none") is None


def test_recipe_of_a_file_is_read_with_both_forms_of_a_range(tmp_path):
    (tmp_path / "mine.toml").write_text(
        'format = 1\nname = "mine"\n'
        '[[operations]]\nkind = "blur"\nsigma = { low = 0.01, high = 0.02, scale = "log" }\n'
        '[[operations]]\nkind = "jpeg"\nprobability = 0.25\nquality = [10, 40]\n'
    )

    blur, jpeg = find_recipe(str(tmp_path / "mine.toml")).operations

    assert isinstance(blur, Blur)
    assert (blur.sigma.scale, blur.probability) == ("log", 1.0)
    assert isinstance(jpeg, Jpeg)
    assert (jpeg.quality.low, jpeg.quality.high, jpeg.probability) == (10, 40, 0.25)


def test_recipe_gives_equal_copies_for_equal_keys_and_others_for_others(photograph):
    default = find_recipe("default")
    keys = [copy_key(0, "a.png", 0), copy_key(1, "a.png", 0), copy_key(0, "b.png", 0), copy_key(0, "a.png", 1)]

    copies = [default.degrade(photograph, key) for key in keys]

    assert same(copies[0], default.degrade(photograph, keys[0]))
    assert not any(same(copies[0], copy) for copy in copies[1:])


def test_recipe_does_not_change_the_photograph_it_is_given(photograph):
    before = photograph.pixels.copy()

    for copy in range(20):
        find_recipe("default").degrade(photograph, copy_key(0, "a", copy))

    assert np.array_equal(photograph.pixels, before)


def test_recipe_with_another_operation_added_keeps_the_draws_of_the_first(photograph):
    for copy in range(20):
        key = copy_key(0, "a", copy)
        alone = recipe(SHRINK).degrade(photograph, key)
        after_grey = recipe(GREY + SHRINK).degrade(photograph, key)

        assert alone.pixels.shape == after_grey.pixels.shape


def test_recipe_applies_an_operation_as_often_as_it_says(photograph):
    half = recipe(GREY)

    changed = sum(half.degrade(photograph, copy_key(0, "a", copy)) is not photograph for copy in range(400))

    assert 160 < changed < 240


@pytest.mark.slow
def test_recipe_with_variants_applies_an_operation_to_its_variant_alone_as_often_as_the_share_says(photograph):
    mixed = recipe("[variants]\nplain = 3\nsmall = 1\n" + SHRINK + 'variants = ["small"]\n')

    copies = [mixed.degrade(photograph, copy_key(0, "a", copy)) for copy in range(400)]

    shrunk = [copy for copy in copies if copy is not photograph]
    assert 70 < len(shrunk) < 130
    assert all(copy.pixels.shape < photograph.pixels.shape for copy in shrunk)


def test_recipe_with_variants_applies_an_operation_that_names_none_to_all(photograph):
    mixed = recipe("[variants]\nplain = 1\nother = 1\n" + SHRINK)

    assert all(mixed.degrade(photograph, copy_key(0, "a", copy)) is not photograph for copy in range(40))


def test_recipe_drifts_landmarks_only_where_it_says_so():
    landmarks = np.array([[0, 0], [10, 0], [5, 5], [1, 9], [9, 9]], np.float32)
    key = copy_key(0, "a", 0)

    assert np.array_equal(recipe(SHRINK + MISPLACE).drift(landmarks, key), landmarks)
    assert not np.array_equal(recipe(SHRINK + DRIFT).drift(landmarks, key), landmarks)


def test_recipe_can_be_told_and_read_again():
    default = find_recipe("default")

    assert Recipe.model_validate(default.as_json()) == default


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[[operations]]\nkind = "sharpen"\n', "sharpen"),
        ('[[operations]]\nkind = "blur"\n', "sigma"),
        ('[[operations]]\nkind = "blur"\nsigma = [0.2, 0.1]\n', "low 0.2 is above high 0.1"),
        ('[[operations]]\nkind = "jpeg"\nquality = [10, 101]\n', "within 1 and 100"),
        ('[[operations]]\nkind = "jpeg"\nquality = [10, 40]\nprobability = 1.5\n', "probability"),
        ('[[operations]]\nkind = "light"\ngamma = { low = 0, high = 1, scale = "log" }\n', "above 0"),
        ('[[operations]]\nkind = "grey"\nstrength = 2\n', "strength"),
        (MISPLACE + SHRINK, "come first"),
        (SHRINK + 'variants = ["poor"]\n', "variant poor, and the recipe's are: none"),
        ("[variants]\nplain = 0\n" + SHRINK, "variants.plain"),
        (MISPLACE + MISPLACE, "at most one misplace"),
        ("[[operations]\n", "no TOML"),
    ],
)
def test_recipe_that_cannot_be_says_why(text, reason):
    with pytest.raises(RecipeInvalid, match=reason):
        recipe(text)


def test_recipe_that_is_not_there_names_the_shipped_ones(tmp_path):
    with pytest.raises(RecipeInvalid, match="'default' or 'none'"):
        find_recipe(str(tmp_path / "nowhere.toml"))
