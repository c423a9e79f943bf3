"""What is forced on completions at evaluation: thinking closed at budgets, kept from ending, or left out."""
