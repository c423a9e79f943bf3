"""Reads one expression of LaTeX, or of plain text such as `7*sin(pi*x/5)`, into a tree, by recursive descent."""

from __future__ import annotations

import re
from fractions import Fraction

from rewards.verifier.grammar.names import FUNCTIONS, GREEK, NAMED
from rewards.verifier.grammar.trees import Tree, Unread, negative, plus, power, times
from rewards.verifier.grammar.words import is_prose

_DIGITS = 300
"""A number with more is not read."""
_SCIENTIFIC = (
    r"(?:[0-9]+\.[0-9]+[eE][+-]?[0-9]{1,3}|[0-9]+[eE](?:[0-9]{1,3}|[+-][0-9]{2,3})|1[eE]-[0-9])(?![0-9.A-Za-z])"
)
"""`2e-3` is left out: it may be the constant's double less three."""
_TOKEN = re.compile(
    rf"\s*(?:({_SCIENTIFIC}|[0-9]+\.?[0-9]*|\.[0-9]+|\.(?=\\overline|\\bar|\\dot))"
    rf"|\\([A-Za-z]+)|({'|'.join((*FUNCTIONS, 'sqrt', 'infinity', 'inf', 'pi'))})"
    r"|([A-Za-z])(?:_([0-9A-Za-z]|\{[0-9A-Za-z]{1,8}\}))?|([-+*/^(){}\[\]!|_°]))"
)
_REPEATED = re.compile(r"\s*(?:\{([0-9]{1,30})\}|([0-9]))")
_TIMES = ("*", "cdot", "times")
_NAMES = ("letter", *NAMED, *GREEK)
_STARTS = frozenset(("(", "sqrt", "frac", "binom", *_NAMES, *FUNCTIONS))
_SIMPLE = frozenset(("number", "sqrt", "frac", *_NAMES))
"""What a function is of, where no bracket follows it: `\\sin 2x`."""
_INVERSE = {"sin": "arcsin", "cos": "arccos", "tan": "arctan"}


def parse(text: str) -> Tree:
    """The tree of an expression. Errors: Unread."""
    if is_prose(text):
        raise Unread
    return _Parser(text.replace("**", "^")).whole()


class _Parser:
    """Recursive descent over one expression; anything unknown raises `Unread`."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.kind, self.word = "", ""
        self.raised = False
        """Whether an exponent has just ended: a number after it is a factor."""
        self.functions = self.bars = 0
        """How many functions, and signs of an absolute value, are open."""
        self.next()

    def next(self) -> None:
        """Step to the next token: its kind is `number`, `letter`, `end`, a sign, or a command's name."""
        match = _TOKEN.match(self.text, self.place)
        if match is None:
            if self.text[self.place :].strip():
                raise Unread
            self.kind, self.word = "end", ""
            return
        self.place = match.end()
        number, command, bare, letter, index, sign = match.groups()
        self.kind = "number" if number else "letter" if letter else command or bare or sign
        self.word = number or letter or ""
        if index:
            self.word += "_" + index.strip("{}")

    def take(self, kind: str) -> None:
        if self.kind != kind:
            raise Unread
        self.next()

    def whole(self) -> Tree:
        tree = self.sum()
        if self.kind != "end":
            raise Unread
        return tree

    def sum(self) -> Tree:
        terms = []
        less = self.kind == "-"
        if self.kind in ("+", "-"):
            self.next()
        while True:
            term = self.product()
            terms.append(negative(term) if less else term)
            if self.kind not in ("+", "-"):
                return plus(terms)
            less = self.kind == "-"
            self.next()

    def product(self) -> Tree:
        factors = [self.power()]
        divided = False
        while True:
            if self.kind in _TIMES:
                self.next()
                factors.append(self.power())
            elif self.kind in ("/", "div"):
                self.next()
                factors.append(power(self.power(), Fraction(-1)))
                divided = True
            elif (
                self.kind in _STARTS or (self.kind == "|" and not self.bars) or (self.raised and self.kind == "number")
            ):
                if divided:  # a/bc has two readings
                    raise Unread
                factors.append(self.power())
            else:
                return times(factors)

    def power(self) -> Tree:
        base = self.atom()
        self.raised = False
        if self.kind == "!":
            self.next()
            if self.kind == "!":  # a double factorial, or one of the other
                raise Unread
            base = ("fn", "factorial", base)
        if self.kind == "°":
            self.next()
            return times([base, ("pi",), Fraction(1, 180)]) if self.functions else base
        if self.kind != "^":
            return base
        self.next()
        exponent = self.argument(signed=True)
        if self.kind == "^":
            raise Unread
        self.raised = True
        return power(base, exponent)

    def atom(self) -> Tree:
        kind, word = self.kind, self.word
        if kind == "number":
            return self.number(word)
        if kind == "letter":
            self.next()
            return (word,) if word in ("e", "i") else ("var", word)
        if kind in ("(", "{"):
            self.next()
            tree = self.sum()
            self.take(")" if kind == "(" else "}")
            return tree
        if kind in NAMED:
            self.next()
            return (NAMED[kind],)
        if kind in GREEK:
            return self.greek(kind)
        if kind in FUNCTIONS:
            return self.function(kind)
        if kind in ("frac", "binom"):
            self.next()
            over = self.argument()
            under = self.argument(last=True)
            return times([over, power(under, Fraction(-1))]) if kind == "frac" else ("fn", "binom", over, under)
        if kind == "sqrt":
            return self.root()
        if kind == "|" and not self.bars:
            return self.absolute()
        raise Unread

    def greek(self, name: str) -> Tree:
        self.next()
        if self.kind == "_":
            self.next()
            name += f"_{self.argument()}"
        return ("var", name)

    def absolute(self) -> Tree:
        self.bars += 1
        self.next()
        tree = self.sum()
        self.bars -= 1
        self.take("|")
        return ("fn", "abs", tree)

    def function(self, name: str) -> Tree:
        """A function with its exponent, its base and what it is of."""
        self.next()
        exponent: Tree = Fraction(1)
        base: Tree | None = None
        if self.kind == "_" and name == "log":
            self.next()
            base = self.argument()
        if self.kind == "^":
            self.next()
            exponent = self.argument(signed=True)
        if exponent == -1:
            if name not in _INVERSE:
                raise Unread
            name, exponent = _INVERSE[name], Fraction(1)
        of = self.operand()
        if name == "exp":
            return power(("e",), times([of, exponent]))
        if name in ("log", "lg") and base is None:
            base = Fraction(10)
        return power(("fn", "ln" if base is not None else name, of) if base is None else _log(of, base), exponent)

    def operand(self) -> Tree:
        self.functions += 1
        if self.kind in ("(", "{", "|"):
            bracket = self.kind
            of = self.atom()
            self.functions -= 1
            if self.kind == "^" and bracket != "|":  # of the function, or of what it is of
                raise Unread
            return of
        factors = []
        while self.kind in _SIMPLE:
            factors.append(self.power())
        self.functions -= 1
        if not factors or self.kind in ("(", "/", "number"):  # two readings
            raise Unread
        return times(factors)

    def number(self, word: str, raised: bool = False) -> Tree:
        self.next()
        value = _number(word)
        if self.kind in ("overline", "bar", "dot") and "." in word:
            return self.repeated(word)
        if (self.kind == "number" and not raised) or (self.kind == "(" and word[-1] == "."):  # `0.(3)` is no product
            raise Unread
        if self.kind == "frac":  # a mixed number
            part = self.atom()
            if "." in word or not isinstance(part, Fraction) or not 0 < part < 1 or self.kind == "^":
                raise Unread
            return value + part
        return value

    def repeated(self, word: str) -> Tree:
        r"""`0.1\overline{6}`: the digits after the point, then those that come again and again."""
        match = _REPEATED.match(self.text, self.place)
        if match is None:
            raise Unread
        self.place = match.end()
        self.next()
        if self.kind in ("number", "dot"):
            raise Unread
        digits, after = match[1] or match[2], len(word) - word.index(".") - 1
        return _number(word) + Fraction(int(digits), (10 ** len(digits) - 1) * 10**after)

    def root(self) -> Tree:
        self.next()
        degree: Tree = Fraction(2)
        if self.kind == "[":
            self.next()
            degree = self.sum()
            self.take("]")
        of = self.atom() if self.kind == "(" else self.argument(last=True)
        return power(of, power(degree, Fraction(-1)))

    def argument(self, last: bool = False, signed: bool = False) -> Tree:
        """What a command takes: a group, or a single digit or sign; `signed` lets plain text be `x^-2`, `x^(1/2)`."""
        if self.kind == "{":
            return self.atom()
        if signed and self.kind == "-":
            self.next()
            return negative(self.argument(last))
        if signed and self.kind == "number":
            return self.number(self.word, raised=True)
        if signed and self.kind == "(":
            return self.atom()
        if self.kind == "number":
            digits = self.word
            if not digits.isdigit() or (last and len(digits) > 1) or len(digits) > 2:
                raise Unread
            if len(digits) == 1:
                self.next()
            else:  # the other digit is the next argument's
                self.kind, self.word = "number", digits[1]
            if last and self.kind == "number":
                raise Unread
            return Fraction(int(digits[0]))
        if self.kind in _NAMES or self.kind == "frac":
            return self.atom()
        raise Unread


def _log(of: Tree, base: Tree) -> Tree:
    return times([("fn", "ln", of), power(("fn", "ln", base), Fraction(-1))])


def _number(word: str) -> Fraction:
    if len(word) > _DIGITS:
        raise Unread
    return Fraction(word) if word != "." else Fraction(0)
