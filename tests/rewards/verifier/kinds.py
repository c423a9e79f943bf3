"""Pairs of gold answer and answer, kind by kind, that verifiers are known to misjudge: right ones, and wrong ones."""

from __future__ import annotations

from typing import NamedTuple

Pairs = list[tuple[str, str]]


class Kind(NamedTuple):
    right: Pairs
    wrong: Pairs


KINDS: dict[str, Kind] = {
    "a letter at the end is a variable": Kind(
        right=[
            ("u + v + w", "w+u+v"), ("7+4g", "4g+7"), ("p+3o", "3o+p"), (r"\frac{3}{5}\pi r^2 l", r"\frac{3\pi r^2 l}{5}"), ("5cd", "5dc"),
            (r"\frac{2+m+s}d", r"\dfrac{m+s+2}{d}"), ("6st", "6ts"), ("h(t) = 3t^2 + 2t + g", "h(t)=g+2t+3t^2"), (r"\frac{4l}{7}", r"\frac47 l"),
            ("x^2 + 2xc", "2cx+x^2"), ("8ab", "4a \\cdot 2b"), ("3bc", "3cb"), ("2(l+m)", "2l+2m"), ("9 - 5h", "-5h+9"), (r"\sqrt{3}s", r"s\sqrt{3}"),
            ("a^2 b", "ba^2"), (r"\frac{1}{2}gt^2", r"\frac{gt^2}{2}"), ("2d - 3c", "-3c+2d"), ("12o", "o \\cdot 12"), ("x^2+y^2+d", "d+y^2+x^2"),
            ("5 \\theta h", "5h\\theta"), ("mgh", "hgm"), ("4st", "4t s"),
        ],
        wrong=[
            ("1+4h", "5"), ("7t", "7"), ("5l", "5m"), ("y+3c", "y+3"), ("-4.9 d", "-4.9"), ("6o", "6"), ("3 t", "3"), ("2ab", "2"), ("x+4bc", "x+4"),
            (r"\frac{3}{4}g", r"\frac34"), (r"\sqrt{5}s", r"\sqrt{5}"), ("8m", "8"), ("2m+3s", "5"), ("9d", "9t"), ("12c", "12"), ("4l", "4"), ("10 s", "10"),
            ("(2+3)h", "5"), (r"2\pi h", r"2\pi"), (r"\frac{x}{2} c", r"\frac{x}{2}"), ("5", "5t"), ("5", "5d"), ("3x + 2g", "3x+2"), ("16 t", "16 s"),
        ],
    ),
    "a letter's case counts where both are there": Kind(
        right=[
            ("S^2-s^2", "(S-s)(S+s)"), (r"\frac{A+a}{2}", r"\frac{a+A}{2}"), (r"\pi(B^2-b^2)h", r"\pi h(B-b)(B+b)"), ("Mm", "mM"), ("7Q^2", "7q^2"),
            ("n+N", "N+n"), ("V = 3Tt", "V=3tT"), ("x_1+X_1", "X_1+x_1"), ("2k", "2K"), ("H=5h", "H = 5h"),
        ],
        wrong=[
            ("S^2-s^2", "0"), ("S/s", "1"), (r"\frac{Q}{q}", "1"), ("A-a", "0"), (r"\pi(B^2-b^2)", r"\pi(b^2-B^2)"), ("Kk", "k^2"), ("Nn^2", "nN^2"),
            (r"\frac{M-m}{M+m}", "0"), ("v^2 = V^2 - 2Vv", "v^2=-V^2"), ("(P, p)", "(p, P)"), ("T-2t", "-t"), ("H^h", "h^H"), ("0", "R-r"), ("1", r"\frac{L}{l}"),
            (r"\sqrt{C^2-c^2}", "0"), ("2Dd", "2d^2"), ("X+x", "2x"), ("E+e", "2e"), (r"\frac{F}{f^2}", r"\frac1f"), ("Gg-gG+1", "G"), ("W-w", "w-W"),
        ],
    ),
    "words and orders are no products": Kind(
        right=[
            ("yes", "Yes"), (r"\text{Tuesday}", "tuesday"), ("DACB", r"\text{DACB}"), ("xyz", "zyx"), ("wz", "zw"), ("abc", "bca"), ("pqr", "rqp"), ("ab", "ba"),
            (r"\text{no solution}", "no solution"), ("Red, Blue, Green", r"\text{Red, Blue, Green}"), ("(B)", "b"), ("ODD", "odd"),
            ("Tom and Ann", "Ann and Tom"), ("xy", "yx"), ("neither", r"\textbf{Neither}"),
        ],
        wrong=[
            ("DACB", "ABCD"), ("PQR", "RQP"), ("Leo", "Ole"), ("dog", "god"), ("stop", "post"), ("even", "neve"), ("listen", "enlist"), ("on", "no"), ("Ron", "Nor"),
            ("tea", "eat"), ("CAB", "ABC"), (r"\text{live}", r"\text{evil}"), (r"\text{era}", "are"), ("XZY", "XYZ"), ("THH", "HTH"), ("Ian", "Ani"), ("north", "thorn"),
            ("Sam", "Mas"), ("Red, Blue, Green", "Green, Blue, Red"), ("arc", "car"), ("EDCBA", "ABCDE"), ("one", "neo"), ("night", "thing"), ("saw", "was"), (r"\triangle ABC", r"\triangle CBA"), (r"\overline{PQ}", r"\overline{QP}"),
        ],
    ),
    "an upright i or e is the number": Kind(
        right=[
            (r"4-7\mathrm{i}", "4-7i"), ("5+2i", r"5+2\mathrm{i}"), (r"\mathrm{e}^5", "e^5"), ("3e", r"3\mathrm{e}"), (r"2\text{i}", "2i"), ("i", r"\mathrm{i}"),
            (r"\mathrm{e}", "e"), (r"\frac{1+\mathrm{i}}{2}", r"\frac12+\frac{i}{2}"), (r"\sqrt{2}\mathrm{i}", r"i\sqrt{2}"), (r"2\operatorname{e}^{3}", "2e^3"),
            (r"\mathrm{e}^{\mathrm{i}\pi}", "-1"), (r"\frac{\mathrm{e}}{2}", "e/2"), (r"-\mathrm{i}", "-i"), (r"1-\mathrm{i}", "1 - i"), (r"2\pi\mathrm{i}", r"2\pi i"),
        ],
        wrong=[
            (r"4+7\mathrm{i}", "11"), (r"4+7\mathrm{i}", "4+7"), (r"2+\sqrt{5}\mathrm{i}", r"2+\sqrt{5}"), (r"3\mathrm{e}", "3"), (r"6\text{i}", "6"), (r"\mathrm{e}^2", "2"),
            ("5", r"5\mathrm{i}"), ("7", r"7\mathrm{e}"), (r"1-2\mathrm{i}", "1+2i"), (r"\frac{3}{4}\mathrm{i}", r"\frac34"), (r"2\pi\mathrm{i}", r"2\pi"), (r"\mathrm{i}", "1"),
            (r"9\mathrm{i}", r"9\mathrm{e}"), (r"\mathrm{e}^3", r"\mathrm{e}"), (r"8-\mathrm{i}", "8"),
        ],
    ),
    "a unit in words": Kind(
        right=[
            *[("14", f"14 {unit}") for unit in (
                "hours", "hour", "days", "ways", "coins", "units", "minutes", "seconds", "feet", "inches", "miles", "dollars", "cents", "students", "people", "women",
                "oranges", "books", "square units", "cubic feet", "miles per hour", "km", "kg", "cm", "mm", "ft", "lbs", "mph", "km/h", "degrees", "years old", "percent",
                "sides", "marbles", "games", "m", "g", "L", "square cm", "sq ft", "tickets", "liters", "yards", "meters", "children", "cookies", "digits", "points",
            )],
            ("14 hours", r"14\text{ hours}"), ("14 hours", "14"), ("14 apples", "14"), (r"14\text{ cm}", "14 cm"), ("14 cm", "14"), ("3.5", "3.5 hours"),
            (r"\frac{3}{4}", r"\frac{3}{4} cup"), (r"12\pi", r"12\pi cm"), ("1,200", "1200 people"), ("25", "x = 25 meters"), ("14", "14hours"), ("14", "14kg"), ("14 ft", r"14\text{ feet}"),
            ("4 km", "4000 m"), (r"2\text{ hours}", "120 minutes"), (r"\$14", "14 dollars"), ("14", r"\$14"), ("14 hours", "14 h"), ("5000000", "5000000 dollars"),
            (r"7\text{ ft }3\text{ in}", "7 ft 3 in"), ("87 inches", "7 ft 3 in"), ("2.5 hours", "2 hours 30 minutes"), ("14", "€14"), ("14", r"14{\rm cm}"),
        ],
        wrong=[
            ("4 m", "4 km"), ("4 m", r"4\text{ km}"), ("14 hours", "14 minutes"), ("14", "15 hours"), ("14 kg", "14 m"), ("14", "14 million"), ("14", "14 dozen"), ("14", "14 or 15"),
            ("14 dollars", "14 cents"), ("14", "14 x"), ("14", "14 squared"), ("14", "14 hours 5"), (r"14\text{ cm}", r"14\text{ mm}"), ("14", "14 thousand"), ("14", "14 plus x"),
            (r"14\text{ ft}", "14 in"), ("14", "14 not"), ("14 a.m.", "14 p.m."), ("7", "7 feet 3 inches"), ("87", "7 ft 3 in"), ("7 ft", r"7\text{ ft }3\text{ in}"), ("9", r"9\text{ min }30\text{ s}"), ("14", r"14\text{ million}"),
        ],
    ),
    "a digit in a unit": Kind(
        right=[
            *[("14", f"14{unit}") for unit in (
                r"\text{ m^2}", r"\text{ cm^3}", r"\,\mathrm{cm^2}", r"\ \mathrm{m^3}", r"\mathrm{~m/s^2}", r"\,\mathrm{km}^2", r"\text{ ft}^2", r"\text{ in}^{2}", " cm^2", " m^3",
                " ft^2", " m/s^2", r"\text{ cm²}", " cm²", r"\mathrm{\ m^{2}}", r"\text{ m/s}^2", r"\text{ sq. cm}", r"\,\text{cm}^{3}", r"\mathrm{kg\,m^2}", " square inches",
                r"\ \text{kg}\cdot\text{m}^2", r"\text{ units}^2", " units^2", r"\text{ mi}^2", r"\,\mathrm{m}\,\mathrm{s}^{-1}", r"\text{ m s}^{-1}", " m^2", r"\mathrm{cm}^2",
                r"\ \frac{\text{m}}{\text{s}^2}", " cm squared", r"\text{ units squared}",
            )],
            (r"14\text{ cm}^2", r"14\text{ cm^2}"), (r"14\text{ cm}^2", r"14\ \mathrm{cm}^{2}"), (r"14\text{ cm}^2", "14 square centimeters"), (r"9.8\,\mathrm{m/s^2}", "9.8"),
            (r"14\text{ m}^3", r"14\text{ cubic meters}"), (r"6\text{ m}^2", r"60000\text{ cm}^2"), (r"15\mbox{ cm}^2", r"15\text{ cm^2}"),
        ],
        wrong=[
            (r"14\text{ cm}^2", r"14\text{ cm}^3"), (r"14\text{ cm^2}", r"14\text{ m^2}"), ("14", r"15\text{ cm^2}"), (r"14\text{ m/s}", r"14\text{ m/s^2}"), ("14", "14^2"),
            ("14", r"14\text{ cm 2}"), ("14", r"14\text{ 2}"), (r"14\text{ km^2}", "14 km"), ("14", r"14x^2"), (r"14\text{ square feet}", r"14\text{ feet}"),
        ],
    ),
    "equations turned round": Kind(
        right=[
            ("y=7", "7=y"), ("a^2+b^2=9", "9=a^2+b^2"), ("y=3x-2", "3x-2=y"), ("3x+y=7", "7=y+3x"), ("3x+y-7=0", "3x+y=7"), ("x^2=4y", "4y=x^2"), ("2x-y=4", "4x-2y=8"),
            (r"\frac{x^2}{9}+\frac{y^2}{4}=1", "4x^2+9y^2=36"), ("y=2x+1", "2x-y+1=0"), ("x=y", "y=x"), ("A=6", "6 = A"), (r"\theta=30", r"30=\theta"), ("7", "7=y"), ("y=7", "7"),
            ("AB=6", "6=AB"), ("x+y=3", "-x-y=-3"), ("n=12", r"12 = n"), ("5", "a+b=5"), ("x^2+y^2=1", "x^2=1-y^2"), ("x^2-4=0", "0=x^2-4"),
        ],
        wrong=[
            ("y=7", "7=x"), ("y=7", "8=y"), ("a^2+b^2=9", "3=a^2+b^2"), ("3x+y=7", "3x-y=7"), ("y=2x+1", "x=2y+1"), ("2x-y=4", "4x-2y=4"), ("x^2+y^2=1", "1"), ("x=y", "x=-y"),
            ("7", "6=7"), ("7", "7=6"), ("AB=6", "CD=6"), ("x^2=4y", "y^2=4x"), ("y=3x-2", "y=3x+2"), ("x^2+y^2=1", "x^2-y^2=1"), ("x^2+y^2=4", "x+y=2"),
        ],
    ),
    "matrices worked out": Kind(
        right=[
            (r"\begin{pmatrix}4&6\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}+\begin{pmatrix}3&4\end{pmatrix}"),
            (r"\begin{pmatrix}2\\2\end{pmatrix}", r"\begin{pmatrix}3\\4\end{pmatrix} - \begin{pmatrix}1\\2\end{pmatrix}"),
            (r"\begin{pmatrix}2&4\\6&8\end{pmatrix}", r"2\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
            (r"\begin{pmatrix}\frac12\\1\end{pmatrix}", r"\frac{1}{2}\begin{pmatrix}1\\2\end{pmatrix}"),
            (r"\begin{pmatrix}19&22\\43&50\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}\begin{pmatrix}5&6\\7&8\end{pmatrix}"),
            (r"\begin{pmatrix}19&22\\43&50\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix} \cdot \begin{pmatrix}5&6\\7&8\end{pmatrix}"),
            (r"\begin{pmatrix}-1\\-2\end{pmatrix}", r"-\begin{pmatrix}1\\2\end{pmatrix}"),
            (r"\begin{pmatrix}x+1\\y\end{pmatrix}", r"\begin{pmatrix}x\\y\end{pmatrix}+\begin{pmatrix}1\\0\end{pmatrix}"),
            (r"\begin{pmatrix}5\\7\end{pmatrix}", r"\begin{pmatrix}1\\1\end{pmatrix}+2\begin{pmatrix}2\\3\end{pmatrix}"),
            (r"\begin{pmatrix}1\\2\\3\end{pmatrix}", r"\begin{bmatrix}1\\2\\3\end{bmatrix}"), (r"\begin{pmatrix}4\\-5\end{pmatrix}", "(4,-5)"), (r"(4,-5)", r"\begin{pmatrix}4\\-5\end{pmatrix}"),
            (r"\begin{pmatrix}7\\8\\9\end{pmatrix}", r"\langle 7,8,9 \rangle"), (r"\begin{pmatrix}7&8&9\end{pmatrix}", "(7,8,9)"),
            (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\left[\begin{array}{cc}1&2\\3&4\end{array}\right]"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\left(\begin{matrix}1&2\\3&4\end{matrix}\right)"),
            (r"\begin{pmatrix}\sqrt{8}\\1\end{pmatrix}", r"\begin{pmatrix}2\sqrt{2}\\\frac22\end{pmatrix}"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&2\\[2pt]3&4\end{pmatrix}"),
        ],
        wrong=[
            (r"\begin{pmatrix}4&6\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}+\begin{pmatrix}3&5\end{pmatrix}"),
            (r"\begin{pmatrix}1&2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}+\begin{pmatrix}3&4\end{pmatrix}"),
            (r"\begin{pmatrix}5&12\\21&32\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}\begin{pmatrix}5&6\\7&8\end{pmatrix}"),
            (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"2\begin{pmatrix}1&2\\3&4\end{pmatrix}"), (r"\begin{pmatrix}1\\2\\3\end{pmatrix}", "(3,2,1)"),
            (r"\begin{pmatrix}1\\2\\3\end{pmatrix}", "(1,2)"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "(1,2,3,4)"), (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
            (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "3"), (r"\begin{pmatrix}3\\4\end{pmatrix}", r"-\begin{pmatrix}3\\4\end{pmatrix}"),
            (r"\begin{pmatrix}6&8\\10&12\end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix} - \begin{pmatrix}5&6\\7&8\end{pmatrix}"),
        ],
    ),
    "complex numbers": Kind(
        right=[
            ("6-6i", "6(1-i)"), ("3+9i", "3(1+3i)"), ("-4", "(2i)^2"), ("-i", "i^3"), ("1", "i^4"), (r"\sqrt{-5}", r"i\sqrt5"), (r"\sqrt{-16}", "4i"), ("2i", "(1+i)^2"), ("5", "(2+i)(2-i)"),
            ("i", r"\frac{1+i}{1-i}"), (r"\frac{1}{2}-\frac{1}{2}i", r"\frac{1}{1+i}"), (r"\frac12 + \frac{\sqrt3}{2}i", r"\frac{1+i\sqrt{3}}{2}"), ("-1", r"e^{i\pi}"), ("5+0i", "5"),
            (r"\frac{1}{2}+\frac{\sqrt{3}}{2}i", r"e^{\pi i/3}"), (r"\cos 1 + i\sin 1", "e^{i}"), ("3i,-3i", r"\pm 3i"), ("1+i, 1-i", r"1\pm i"), ("2-i", "-i+2"), ("8i", "2i^5 + 6i"),
            ("a+bi", "bi+a"), ("-2+2i", "2i(1+i)"), ("0", "i+i^3"),
        ],
        wrong=[
            ("6-6i", "6(1+i)"), ("6-6i", "6"), ("6-6i", "-6i"), ("-4", "(2i)^2+i"), ("i", "-i"), (r"\sqrt{-5}", r"\sqrt5"), ("2i", "(1-i)^2"), ("3+4i", "5"), ("3+4i", "4+3i"), ("-1", "i"),
            ("i", r"\frac{1-i}{1+i}"), ("5", "5+i"), ("1+i, 1-i", "1+i"), ("3i,-3i", "3i"), ("2-i", "2+i"),
        ],
    ),
    "intervals and inequalities": Kind(
        right=[
            (r"(-\infty,4)", "x<4"), ("x<4", r"(-\infty,4)"), ("[1,7]", r"1\le x\le7"), (r"1\leq x\leq 7", "[1,7]"), ("(1,7]", r"7 \ge x > 1"), (r"[3,\infty)", r"x \geq 3"), (r"[3,\infty)", r"3\le x"),
            (r"\{x \mid x>6\}", r"(6,\infty)"), (r"(6,\infty)", r"\{x : x>6\}"), (r"\{x\in\mathbb{R} \mid 0\le x<2\}", "[0,2)"), ("[0,2)", r"\{t | 0 \le t < 2\}"),
            (r"(-\infty,-1)\cup(1,\infty)", r"x<-1 \text{ or } x>1"), (r"x<-1 \text{ or } x>1", r"(-\infty,-1)\cup(1,\infty)"), (r"(-\infty,3)\cup(3,\infty)", r"x \neq 3"), (r"x\ne 3", r"(-\infty,3)\cup(3,\infty)"),
            (r"x\ne 3", r"\mathbb{R}\setminus\{3\}"), (r"(-\infty,\infty)", r"\mathbb{R}"), ("[2,5]", r"x\in[2,5]"), (r"x \in [2,5]", r"2 \le x \le 5"), (r"-8\leq g(x)\leq 9", "[-8,9]"), (r"(1,2)\cup(4,5)", r"(4,5)\cup(1,2)"),
            ("x > 5", "5 < x"), (r"x \ge \frac12", r"x \ge 0.5"), (r"2<x<3 \text{ or } 5\le x<6", r"(2,3)\cup[5,6)"), ("1<x<3", "x>1 and x<3"), (r"(-\infty,1)\cup(1,2)\cup(2,\infty)", r"x\ne 1, 2"), ("x>y+2", "y<x-2"),
            ("2x<10", "x<5"), (r"(0,\sqrt{8})", r"0<x<2\sqrt{2}"), (r"0 < k < \frac{\pi}{2}", r"(0,\frac{\pi}{2})"), ("x ≤ 4", r"(-\infty,4]"), ("[1,7]", "1<=x<=7"), (r"x\in(-\infty,4)", "x<4"),
        ],
        wrong=[
            (r"(-\infty,4)", r"x\le 4"), (r"(-\infty,4)", "x>4"), ("x<4", r"(4,\infty)"), ("x<4", r"(-\infty,4]"), ("[1,7]", "1<x<7"), ("[1,7]", r"1\le x<7"), (r"x\ge 3", "3"), ("[3,5]", r"x \ge 3"), (r"x\ne 3", r"(-\infty,3)"),
            (r"x\ne 3", "3"), (r"x<-1 \text{ or } x>1", r"-1<x<1"), (r"(-\infty,-1)\cup(1,\infty)", "x>1"), ("x>5", "y>5"), ("x>5", "x>6"), ("x>y+2", "y>x-2"), ("2x<10", "x>5"), (r"\{x|x>6\}", r"[6,\infty)"), ("5", "x<5"), ("1<x<3", "x>1"),
            (r"\mathbb{R}\setminus\{3\}", r"\mathbb{R}"),
        ],
    ),
    "numbers as they are written": Kind(
        right=[
            (r"\frac29", r"0.\overline{2}"), (r"\frac16", r"0.1\overline{6}"), (r"\frac{1}{7}", r"0.\overline{142857}"), (r"\frac{5}{3}", r"1.\bar{6}"), (r"0.\overline{12}", r"\frac{4}{33}"), (r"\frac13", r"0.\dot{3}"),
            ("3/2", "1 1/2"), ("2.25", "2 1/4"), ("-1.5", "-1 1/2"), ("4500", "4.5e3"), ("4500", "4.5E3"), ("0.002", "2.0e-3"), ("3.2e5", "320000"), (r"6\times10^{4}", "6e4"), (r"1.5\times 10^{-3}", "0.0015"),
            ("5", r"5^{\mathrm{th}}"), ("21", "21st"), ("3", r"3^{rd}"), ("12", r"12\text{th}"), ("2", "2nd"), ("30", "30°C"), ("30", r"30^\circ\text{C}"), ("30", r"30^{\circ} F"), ("30", "30°"),
            (r"30^\circ", "30 degrees"), (r"60^\circ", r"\frac{\pi}{3}"), (r"\frac{\pi}{4}", r"45^\circ"), (r"\tan 30^\circ", r"\frac{1}{\sqrt{3}}"), (r"\sin 30^\circ", "0.5"), ("2:3:4", "4:6:8"), ("3:5", "6:10"), ("3:5", r"\frac35"),
            (r"\frac{5\pm\sqrt{13}}{6}", r"\frac56\pm\frac{\sqrt{13}}{6}"), (r"(3,5),(3,-5)", r"(3,\pm 5)"), (r"(3,\pm 5)", "(3,5), (3,-5)"), (r"x=\pm 4", "4, -4"), (r"\{1\pm\sqrt{7},3\}", r"\{3, 1+\sqrt7, 1-\sqrt7\}"),
            (r"7\pi", "7pi"), (r"\sqrt{15}", "sqrt(15)"), (r"4\sqrt{3}", "4*sqrt(3)"), (r"3\cos\left(\frac{\pi x}{4}\right)-2", "3*cos(pi*x/4)-2"), ("x^{10}", "x^10"), ("2^{10}", "1024"), (r"\ln 4", "ln(4)"), (r"\ln 4", r"2\ln 2"),
            (r"\frac{x}{2}", "x/2"), (r"\infty", "infinity"), (r"(2,\infty)", "(2, infinity)"), ("x^{-2}", "x^(-2)"), (r"\frac{x+1}{x-1}", "(x+1)/(x-1)"), ("120", "5!"), (r"\frac{1}{6!}", r"\frac{1}{720}"), (r"\binom{6}{2}", "15"),
            (r"|x-3|", r"\left|3-x\right|"), ("x_1+x_2", "x_2+x_1"), (r"2\sin x\cos x", r"\sin 2x"), (r"\log_2 8", "3"), ("B,D", "B and D"), ("B,D", r"\text{B and D}"), ("B, D", "D, B"), ("3, 7", r"3 \text{ or } 7"), ("3,7", "3; 7"),
            ("no real solutions", r"\text{no real solutions}"), ("g(x)=x+2", "g(t)=t+2"), ("f(x,y)=x-y", "f(u,v)=u-v"), ("f(x)=x^2", "x^2"), (r"\text{four}", "4"), ("3", "three"), ("Odd", r"\text{odd}"), (r"\text{10 cm}", "10"),
            (r"\frac12", r"\frac{1}{2}\ "), ("x=1,y=2", "(1,2)"), ("(1,2)", "x=1, y=2"), ("x=1,y=2", "y=2, x=1"), ("x=1 or x=3", "1,3"), ("(x,y)=(1,2)", "(1,2)"),
        ],
        wrong=[
            (r"\frac29", "0.2"), (r"\frac16", r"0.\overline{16}"), ("3/2", "1/2"), ("3/2", "11/2"), ("4500", "4.5e2"), ("12", "12^{t}"), ("30", r"31^\circ"), (r"60^\circ", r"\frac{\pi}{6}"), ("2:3:4", "2:3"), ("2:3:4", "4:6:9"),
            ("2:3:4", r"\frac23"), ("3:5", "5:3"), ("9:24", "3:8"), ("9:24", "9:25"), (r"(3,\pm 5)", "(3,5)"), (r"(3,\pm 5)", r"(\pm3, 5)"), ("a=3,b=4", "4,3"), ("x=1,y=2", "(2,1)"), ("x=1,y=2", "x=2,y=1"), ("a=3,b=4", "a=4,b=3"),
            (r"\frac{1}{18!}", r"\frac{1}{19!}"), (r"10^{-12}", r"2\cdot10^{-12}"), (r"\frac{\pi}{10^{9}}", r"\frac{\pi}{10^{8}}"), (r"\frac{1}{25!}", "0"), ("g(x)=x+2", "g(t)=t+3"), ("f(x,y)=x-y", "f(u,v)=v-u"), ("B,D", "B"),
            ("B,D", "B and C"), (r"7\pi", "7p"), (r"\sqrt{15}", "sqrt(16)"), ("infinitely many", "many"), (r"\text{four}", "5"), ("120", "6!"), (r"|x|", "x"), (r"\ln 4", r"\ln 2"), (r"\sin 2x", r"2\sin x"), ("x^{12}", "2x"), ("7", "pi"),
            ("3, 7", "3"), ("3", "3, 7"), ("(1,2)", "(2,1)"), ("1,1,2", "1,2,2"),
        ],
    ),
    "a time is no ratio, a scale no unit, and factors stand side by side": Kind(
        right=[
            ("10:00 AM", "10:00 am"), ("4:00", "4:00"), (r"2:45 \text{ PM}", "2:45 p.m."), ("7:05", "7:05"), ("12:30 PM", r"12:30\text{ pm}"),
            (r"2^{3}\cdot 3^{2}", "2^{3}3^{2}"), (r"2^3 \cdot 3^2", "2^3 3^2"), ("2^{2}5^{3}", r"2^2 \cdot 5^3"), ("xy=1", "yx=1"), ("xy=1", "xy-1=0"),
            ("ab=c", "c=ba"), (r"\infty", r"\text{infinity}"), ("(1,2)", "\uff081\uff0c2\uff09"), (r"\pi", r"\text{pi}"), ("3:2", "6:4"),
        ],
        wrong=[
            ("10:00 AM", "11:00 AM"), ("10:00 AM", "10:00 PM"), ("2:45 PM", "2:45 AM"), ("4:00", "5:00"), ("4:05", "8:10"), ("9:00 PM", "8:00 PM"),
            ("5", r"5\text{k}"), ("5", r"5\text{M}"), ("5", r"5\text{th power}"), ("14", r"14 \text{ hundreds}"), ("14", r"14 \text{ tens}"),
            ("3", r"3\text{ millions}"), ("0", "0.(3)"), ("2^{3}3^{2}", "2^{3}+3^{2}"), ("xy=1", "xy=2"), ("xy=1", "x=1"), ("6:30 AM", "3:15 AM"),
        ],
    ),
}  # fmt: skip
