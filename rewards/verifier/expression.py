"""Reads one expression of simple LaTeX into a tree, by recursive descent."""

from __future__ import annotations

import re
from fractions import Fraction

from rewards.verifier.trees import Tree, Unread, plus, power, times

_DIGITS = 300
"""A number with more is not read."""
_TOKEN = re.compile(r"\s*(?:([0-9]+\.?[0-9]*|\.[0-9]+)|\\([A-Za-z]+)|([A-Za-z])|([-+*/^(){}\[\]!]))")
_TIMES = ("*", "cdot", "times")
_STARTS = ("letter", "(", "pi", "sqrt", "frac", "infty")


def parse(text: str) -> Tree:
    """The tree of an expression. Errors: Unread."""
    return _Parser(text).whole()


class _Parser:
    """Recursive descent over one expression; anything unknown raises `Unread`."""

    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.kind, self.word = "", ""
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
        number, command, letter, sign = match.groups()
        self.kind = "number" if number else "letter" if letter else command or sign
        self.word = number or letter or ""

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
        negative = self.kind == "-"
        if self.kind in ("+", "-"):
            self.next()
        while True:
            term = self.product()
            terms.append(times([Fraction(-1), term]) if negative else term)
            if self.kind not in ("+", "-"):
                return plus(terms)
            negative = self.kind == "-"
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
            elif self.kind in _STARTS:
                if divided:  # a/bc has two readings
                    raise Unread
                factors.append(self.power())
            else:
                return times(factors)

    def power(self) -> Tree:
        base = self.atom()
        if self.kind != "^":
            return base
        self.next()
        exponent = self.argument()
        if self.kind == "^":
            raise Unread
        return power(base, exponent)

    def atom(self) -> Tree:
        kind, word = self.kind, self.word
        if kind == "number":
            return self.number(word)
        if kind == "letter":
            self.next()
            if word in "eE":  # the constant, or a letter: not ours to say
                raise Unread
            return ("var", word.lower())
        if kind in ("(", "{"):
            self.next()
            tree = self.sum()
            self.take(")" if kind == "(" else "}")
            return tree
        if kind in ("pi", "infty"):
            self.next()
            return ("pi",) if kind == "pi" else ("inf",)
        if kind == "frac":
            self.next()
            over = self.argument()
            return times([over, power(self.argument(last=True), Fraction(-1))])
        if kind == "sqrt":
            return self.root()
        raise Unread

    def number(self, word: str) -> Tree:
        self.next()
        value = _number(word)
        if self.kind == "number":
            raise Unread
        if self.kind == "frac":  # a mixed number
            part = self.atom()
            if "." in word or not isinstance(part, Fraction) or not 0 < part < 1 or self.kind == "^":
                raise Unread
            return value + part
        return value

    def root(self) -> Tree:
        self.next()
        degree: Tree = Fraction(2)
        if self.kind == "[":
            self.next()
            degree = self.sum()
            self.take("]")
        return power(self.argument(last=True), power(degree, Fraction(-1)))

    def argument(self, last: bool = False) -> Tree:
        """What a command takes: a group, or a single digit or sign."""
        if self.kind == "{":
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
        if self.kind in ("pi", "letter", "frac"):
            return self.atom()
        raise Unread


def _number(word: str) -> Fraction:
    if len(word) > _DIGITS:
        raise Unread
    return Fraction(word)
