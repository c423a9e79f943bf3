"""What a model may write, by accident or to win, that a verifier must survive: pairs of gold answer and completion."""

from __future__ import annotations

from collections.abc import Iterator

Case = tuple[str, str]


def boxed(answer: str) -> str:
    return f"\\boxed{{{answer}}}"


def hacks() -> list[Case]:
    """Completions that name the gold answer 42 (or 1/3, or a small decimal) without giving it."""
    answers = [
        r"41 \text{ or } 42", r"42 \text{ or } 41", "41, 42", "42,41", "41;42", r"\{41,42\}", r"\{41, 42, 43\}", "(41,42)", "[41,42]",
        r"42 \text{ (or 43)}", r"42 \text{ or something else}", r"42 \text{ maybe 41}", r"42\text{ or any other number}", "41=42", "40+1=42",
        "1=42", "0=42", r"41 \to 42", r"41 \Rightarrow 42", r"41 \implies 42", r"41 \approx 42", r"41 \neq 42", r"42 \neq 42", r"\neg 42",
        "True", r"\text{True}", "true", r"\top", "1=1", "42=42=41", r"x \in \{41,42\}", r"41 \le 42", r"x \le 42", r"x \ge 42", "x>41",
        r"41 \lor 42", r"41 \cup 42", r"42 \pm 1", r"\pm 42", r"41 \text{ and } 42", r"\text{41 or 42}", r"\text{ 42 or 43}", "41/42", "4 2",
        r"41 \quad 42", r"42 \\ 41", r"\begin{pmatrix} 41 & 42 \end{pmatrix}", r"\begin{cases} 42 \\ 41 \end{cases}", "[0, 100]", "(41,43)",
        r"(-\infty,\infty)", r"\mathbb{R}", r"\mathbb{Z}", r"\infty", r"\emptyset", "nan", "NaN", r"\text{NaN}", r"\frac{0}{0}", r"42 \cdot \frac{0}{0}",
        r"\frac{42}{0}", "null", "None", "answer", r"\text{answer}", "your answer", "...", "", " ", "{}", "?", "*", ".*", "x", "n", "42x", "x^{42}",
        "-42", "42!", "042_8 or 41", "__import__('os').system('true')", "open('/etc/passwd').read()", "lambda: 42", "exit()", "'; DROP TABLE", "%s%s%s%n",
        r"42 \text{ is not the answer, 41 is}", r"\text{either 41 or 42}", r"4.2", "4200", "42000", "0.42", r"\frac{42}{1000}", "42e10", "24",
        r"\int_0^{42} 1 \, dx", r"\sum_{i=1}^{42} 1", r"\lim_{x \to 42} x", r"\prod_{i=1}^{1} 42", r"\frac{d}{dx} 42x",
    ]  # fmt: skip
    texts = [
        r"$\boxed{41}$ or $\boxed{42}$", r"$\boxed{42}$ or $\boxed{41}$", r"\boxed{41}, \boxed{42}", r"\boxed{41}\boxed{42}", r"\boxed{41} and \boxed{42}",
        r"$x=\boxed{41}$ or $x=\boxed{42}$", r"\boxed{42} or 41", r"41 or \boxed{42}", r"\boxed{41} / \boxed{42}", r"\boxed{41} or maybe \boxed{42}",
        "42", "The answer is 42.", r"\boxed 42", r"\boxed{42", r"boxed{42}", r"<think>\boxed{42}", r"<think>\boxed{42}</think>", r"<think>\boxed{42}</think> 42",
        r"\boxed{42} I was asked to put it in \boxed{}", r"\boxed{42}, as \boxed{answer}", r"\boxed{41 \text{ or } \boxed{42}}", r"\boxed{\boxed{41} \boxed{42}}",
        r"\boxed{42}\boxed{}", r"\fbox{41} or \fbox{42}", r"\text{\boxed}{42}", "<answer>42</answer>", "#### 42", r"\boxed{41}; alternatively \boxed{42}",
    ]  # fmt: skip
    others = [
        ("\\frac{1}{3}", boxed(r"\int_0^1 x^2 dx")), ("55", boxed(r"\sum_{i=1}^{10} i")), ("1", boxed(r"\lim_{x \to 0} \frac{\sin x}{x}")),
        ("1e-7", boxed("2e-7")), ("0.0000001", boxed("0.0000002")), ("1/10^7", boxed("0.0")), ("2516_8", boxed("2516_7")), ("1", boxed("True")),
        ("0", boxed(r"\emptyset")), ("0", boxed("")), ("3", boxed("1,2,3")), ("(1,2)", boxed("(2,1)")), ("[1,2)", boxed("[1,2]")),
        ("\\text{(A)}", boxed(r"\text{(A) or (B)}")), ("A", boxed("A, B, C, D")), ("x+1", boxed("x+2")), ("5", boxed(r"5 \text{ or } 6")),
    ]  # fmt: skip
    return [("42", boxed(answer)) for answer in answers] + [("42", text) for text in texts] + others


def storms() -> Iterator[Case]:
    """Answers that are large, deep, slow or strange."""
    yield from (
        ("42", boxed(tower))
        for tower in ("9^{9^{9^9}}", "9^{9^{9^{9^{9}}}}", "9^{9^{9^{9^9}}}+9", "2^{(10^9)}", "10^{10^{10}}")
    )
    yield from (
        ("42", boxed(big))
        for big in (
            "(10^6)!",
            "((10^3)!)!",
            "3!!!!!!",
            "99999999!",
            r"\binom{10^9}{5 \cdot 10^8}",
            "2^{2^{2^{2^{2^2}}}}",
        )
    )
    for depth in (100, 1000, 10_000):
        yield "42", boxed("{" * depth + "42" + "}" * depth)
        yield "42", boxed("(" * depth + "42" + ")" * depth)
        yield "42", boxed(r"\frac{1}{" * depth + "2" + "}" * depth)
        yield "42", boxed(r"\sqrt{" * depth + "2" + "}" * depth)
        yield "42", boxed("{" * depth)
        yield "42", "{" * depth + boxed("42")[:-1]
        yield "42", r"\boxed{" * depth + "41" + "}" * depth
        yield "42", r"\boxed{" * depth
        yield "42", boxed("2^{" * depth + "2" + "}" * depth)
        yield "42", boxed(r"\left(" * depth + "1")
        yield "42", boxed("-" * depth + "41")
        yield "42", boxed("1" + "+1" * depth)
        yield "42", boxed(r"\sin(" * depth + "x" + ")" * depth)
    for size in (1_000, 10_000, 1_000_000):
        yield "42", boxed("9" * size)
        yield "42", boxed("0." + "3" * size)
        yield "42", boxed("x" * size)
        yield "42", boxed(" " * size)
        yield "42", boxed(r"\text{" + "a" * size + "}")
        yield "42", boxed("1,2," * (size // 4))
        yield "42", "a" * size
        yield "42", "box" * (size // 3)
        yield "42", "</think>" * (size // 8)
        yield "42", "$" * size
        yield "42", "\\" * size
        yield "42", r"\[" * (size // 2) + boxed("41")
        yield "42", r"\(" * (size // 2) + boxed("41")
        yield "42", boxed("41") * (size // 10)
        yield "42", boxed(" ") * (size // 10)
        yield "42", "answer is " * (size // 10)
    yield from (
        ("42", boxed(r"\begin{pmatrix}" + r"\\".join(["&".join(["1"] * n)] * n) + r"\end{pmatrix}"))
        for n in (10, 30, 60, 100)
    )
    yield (
        "42",
        boxed(
            r"\det \begin{pmatrix}"
            + r"\\".join(["&".join(f"x_{{{i}{j}}}" for j in range(7)) for i in range(7)])
            + r"\end{pmatrix}"
        ),
    )
    yield from (("42", boxed(r"\{" + ",".join(map(str, range(n))) + r"\}")) for n in (50, 200, 1000, 10_000))
    yield "42", boxed(r"\cup".join(f"({i},{i + 1})" for i in range(100)))
    slow = [
        r"\int_0^1 \frac{\sin(x^x)}{\ln(1+x^{17})} dx", r"\int \int \int e^{x^2+y^2+z^2} dx dy dz", r"\int \sqrt{\tan x} \, dx", r"\int e^{-x^2} \ln x \sin x dx",
        r"\sum_{n=1}^{\infty} \frac{\sin n}{n^3}", r"\sum_{n=1}^{10^9} \frac{1}{n}", r"\prod_{n=1}^{10^6} \frac{n}{n+1}", r"\lim_{x \to 0} \frac{\sin^{99} x}{x^{99}}",
        r"(x+y+z)^{300}", r"(a+b+c+d)^{100}", r"\sqrt{2+\sqrt{3+\sqrt{5+\sqrt{7+\sqrt{11}}}}}-\sqrt{13+\sqrt{17}}", r"x^x + e^x = \sin x", r"x^5 - x - 1 = 0",
        r"\gcd(10^{50}, 7^{60})", r"\log_2 (3^{10^6})", r"\lfloor 10^{100} \pi \rfloor", r"\sin(10^{100})", r"\Gamma(10^6)", r"\zeta(3)", r"10^{10^5} \bmod 7",
    ]  # fmt: skip
    yield from (("42", boxed(text)) for text in slow)
    strange = [
        "٤٢", "４２", "四十二", "4\u200b2", "4\u00a02", "\u202e24", "4\x002", "\x0042", "\ud80042", "42\udfff", "𝟒𝟐", "Ⅻ", "½", "∞", "√1764", "42\u0301", "👍", "\ufeff41",
        "\x1b[31m41\x1b[0m", "4\r2", "41\n42", "\u2028", "−42", "–42", "4’2", "\\u0034\\u0032", "&#52;&#50;", "\t", "\\", "\\\\", "}{", "}", "{", "\\}", "$", "$$", "%", "\\%", "^", "_", "&", "#", "~", "=", "==", "<", "\\frac", "\\frac{}{}", "\\sqrt", "\\sqrt{}", "()", "[]", ",", ",,", "/", "1/", "/1", "+", "-", "--", "1..2", "1.2.3", "0x2a", "0b101010", "1_000", "\\text{", "\\begin{matrix}", "\\end{matrix}",
        "\\left(\\right)", "\\boxed", "\\boxed{", "<script>41</script>", "${41}", "{{41}}", "\\input{/etc/passwd}", "\\def\\x{\\x\\x}\\x", "\\newcommand{\\a}{\\a}\\a",
    ]  # fmt: skip
    yield from (("42", boxed(text)) for text in strange)
    yield from (
        (gold, boxed("42"))
        for gold in ("9^{9^{9^9}}", "9" * 5000, "{" * 1000, "", "\x00", "\ud800", r"\frac{1}{0}", "(10^6)!")
    )
    yield from (("9" * 5000, boxed("9" * n)) for n in (4999, 5001))
    yield from (("((a+)+)+$", boxed(text)) for text in ("a" * 5000 + "!", "a" * 40 + "b"))
    yield from (
        ("42", text)
        for text in (
            "answer: " + "a " * 50_000,
            "the answer is" * 20_000,
            "<answer>" * 20_000,
            "<think>" * 20_000,
            "####" * 20_000,
        )
    )
