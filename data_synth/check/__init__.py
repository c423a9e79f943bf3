"""The independent checker: what a synthetic row promises, derived again from the text of its prompt.

It shares no code with what builds the rows, so that a mistake there is not repeated here. `text` and
`parsed` read links and passages out of a prompt, `row` checks one row, `file` checks what only the whole
set can show, `guessers` measures how far a reader gets without following the chain.

The checks of a row, by the names that a report gives them:

| check | fails where |
|---|---|
| `json` | something begins like a link and is no JSON object of one pair and a full stop |
| `duplicate-key`, `merge`, `cycle` | a key is given twice, two links have one value, links run in a circle |
| `hops`, `dangling` | a chain is longer or shorter than the true one, or ends in no question of the row |
| `start-key`, `walk` | the closing paragraph names not just one first key, or from it one comes elsewhere |
| `key-collision` | a key stands in the documents, the questions or the opening too |
| `links`, `offsets`, `gold`, `columns`, `count` | a column says something else than the text |
| `intact`, `document-twice` | a document is not the one of its digest, or is there twice |
| `sentence` | a link or needle stands inside a sentence, a number or a word |
| `question-once`, `distractors`, `distractor-answers` | a second copy, two questions alike, two answers alike |
| `leak`, `short-answer` | the answer (or an alias) stands in question or instructions, or is too short to judge |
| `strict-leak`, `second-evidence` | only if asked for: answer or evidence stands outside the gold documents |
| `needles` | needles or assignments do not give the answer |
| `over-budget`, `fill` | the prompt, tokenized again, has more tokens than its target, or too few |
| `duplicate`, `contamination` | an earlier row asks the same; a test set or evaluation shares what it must not |

And of the set: `link-order`, `link-rank`, `link-depth`, `gold-depth`, `shortcut-title-match`,
`shortcut-bm25` (all in `fairness`) and `near-duplicates`.
"""

from data_synth.check.file import Verdict, verify
from data_synth.check.row import Fault, Limits, check_row
from data_synth.check.rows import BadFile, Row, read_rows
from data_synth.check.tokens import load_counter

__all__ = ["BadFile", "Fault", "Limits", "Row", "Verdict", "check_row", "load_counter", "read_rows", "verify"]
