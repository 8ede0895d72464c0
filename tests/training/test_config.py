from pathlib import Path

import pytest

from tests.training.recipes import SMOKE
from training.config import Recipe, RecipeError, read_recipe
from training.workspace import Workspace

RECIPES = SMOKE.parent


def write_recipe(tmp_path: Path, old: str, new: str) -> Path:
    text = SMOKE.read_text()
    assert old in text
    path = tmp_path / "recipe.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_recipe_of_the_repository_is_valid(path: Path) -> None:
    recipe = read_recipe(path)

    assert recipe.name == path.stem
    assert Recipe.model_validate(recipe.model_dump(mode="json")) == recipe


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[distill]", "[distill]\ntemprature = 3.0"),
        ("[data.generator]", "[data.generator]\nnum_drivers = 3"),
        ("seed = 1", "seed = 1\nsede = 2"),
        ("[spec]", "[spec]\nframes = 16"),
    ],
)
def test_unknown_key_is_refused(tmp_path: Path, old: str, new: str) -> None:
    key = new.split("\n")[1].split(" ")[0]

    with pytest.raises(RecipeError, match=key):
        read_recipe(write_recipe(tmp_path, old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('kind = "synthetic"', 'kind = "dreams"'),
        ("temperature = 3.0", "temperature = 0.0"),
        ("soft_weight = 0.7", "soft_weight = 1.5"),
        ("epochs = 2", "epochs = 0"),
        ("num_train_people = 2", "num_train_people = -1"),
        ("seed = 1", 'seed = 1\nlabels = ["eating", "eating"]'),
        ("seed = 1", "seed = 1\nnum_devices = 3"),
        ("epochs = 2", 'epochs = 2\nprecision = "16-mixed"'),
        ("rate = 0.0002", 'rate = 0.0002\nprecision = "bf16-mixed"'),
    ],
)
def test_value_that_is_not_accepted_is_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(RecipeError, match="validation error"):
        read_recipe(write_recipe(tmp_path, old, new))


def test_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("name = ")

    with pytest.raises(RecipeError, match=r"recipe\.toml"):
        read_recipe(path)


def test_missing_recipe_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"none\.toml"):
        read_recipe(tmp_path / "none.toml")


def test_run_begun_by_another_recipe_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Workspace(read_recipe(SMOKE))

    with pytest.raises(RecipeError, match="was begun by another recipe"):
        Workspace(read_recipe(write_recipe(tmp_path, "temperature = 3.0", "temperature = 2.0")))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("version = 1", "version = 2"),
        ("[student.network]", "[student]\nlabels_alone = false\n[student.network]"),
    ],
)
def test_run_goes_on_when_what_it_made_would_be_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str
) -> None:
    monkeypatch.chdir(tmp_path)
    begun = Workspace(read_recipe(SMOKE))

    again = Workspace(read_recipe(write_recipe(tmp_path, old, new)))

    assert again.recipe != begun.recipe
    assert again.folder == begun.folder


def test_seed_of_the_command_line_gives_a_run_of_its_own() -> None:
    recipe = read_recipe(SMOKE, seed=7)

    assert (recipe.seed, recipe.variant) == (7, "split0-seed7")


def test_split_of_the_command_line_is_taken_by_data_that_has_several() -> None:
    recipe = read_recipe(RECIPES / "drive-and-act.toml", split=2)

    assert recipe.variant == "split2-seed1"


def test_split_of_data_that_has_none_is_refused() -> None:
    with pytest.raises(RecipeError, match="split"):
        read_recipe(RECIPES / "state-farm.toml", split=1)


def test_view_that_nobody_films_is_refused(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, 'views = ["passenger_side"]', 'views = ["ceiling"]')

    with pytest.raises(RecipeError, match="'ceiling' is not filmed"):
        read_recipe(path)
