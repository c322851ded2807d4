"""What can go wrong with the lab itself."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; ``hint`` says what the person in front of it can do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message
