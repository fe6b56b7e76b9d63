"""A text of any length for whoever has none at hand; `python -m examples.sentiment.sample 2000 > feedback.txt`."""

import random
import sys

SUBJECTS = ("The food", "Our room", "The staff", "This film", "The new version", "The concert", "Delivery", "The view")
HAPPY = ("was wonderful", "made me smile", "is excellent value", "could not have been better", "was a lovely surprise")
SAD = ("was terrible", "made me angry", "is a waste of money", "could not have been worse", "was a bad disappointment")
PLAIN = ("was on the second floor", "took twenty minutes", "is blue", "came in a box", "started at eight")
ENDS = (".", "!", ", as always.", ", I have to say.", ", and we had waited for it for a year.", " :)", " :(", " again.")
SEED = 11


def sample_text(lines: int) -> str:
    """Return so many lines, the same ones each time."""
    chance = random.Random(SEED)  # noqa: S311 - nothing depends on it
    return "".join(f"{_line(chance)}\n" for _ in range(lines))


def _line(chance: random.Random) -> str:
    says = chance.choice(chance.choices((HAPPY, SAD, PLAIN), weights=(5, 3, 2))[0])
    return f"{chance.choice(SUBJECTS)} {says}{chance.choice(ENDS)}"


if __name__ == "__main__":
    sys.stdout.write(sample_text(int(sys.argv[1])))
