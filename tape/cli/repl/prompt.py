"""The session at a terminal: statements of several lines, history, completion, colours.

Laws kept here: an error is one line, followed by its place in the SQL, and the session goes on; Ctrl-C discards the
typed text or ends the running query, and only Ctrl-D or ``.quit`` leave; only the user can read the history (mode
0600).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer
from prompt_toolkit.completion import Completion as Offered
from prompt_toolkit.document import Document
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import has_focus
from prompt_toolkit.history import FileHistory, History, InMemoryHistory
from prompt_toolkit.input import Input
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.output import Output
from pygments.lexers.sql import SqlLexer

from tape.cli.repl.completion import Completion
from tape.cli.repl.shell import Left, Shell
from tape.cli.repl.statements import is_whole, steps_of
from tape.store.errors import StoreError

_MORE = "   -> "


def talk(shell: Shell, folder: Path, *, keys: Input | None = None, screen: Output | None = None) -> None:
    """Prompt for statements and run them, until the user leaves.

    ``folder``: the place of the history; ``keys``, ``screen``: by default the terminal's.

    Raises:
        StoreError: the store cannot be read at all.
    """
    prompt: PromptSession[str] = PromptSession(
        history=_history(folder),
        completer=_Completer(Completion(shell.relations)),
        lexer=PygmentsLexer(SqlLexer),
        auto_suggest=AutoSuggestFromHistory(),
        key_bindings=_bindings(),
        multiline=True,
        prompt_continuation=_MORE,
        input=keys,
        output=screen,
    )
    while True:
        try:
            text = prompt.prompt(_prompt(shell))
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        try:
            _run(shell, text)
        except Left:
            return


def _run(shell: Shell, text: str) -> None:
    """Run the steps of a text, up to the first that fails."""
    try:
        for step in steps_of(text):
            shell.run(step)
    except StoreError as error:
        print("\n".join(filter(None, [f"error: {' '.join(str(error).split())}", error.place])), file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)


def _prompt(shell: Shell) -> str:
    return "tape> " if shell.as_of is None else f"tape @{shell.as_of:%Y-%m-%dT%H:%M:%S}> "


def _bindings() -> KeyBindings:
    bindings = KeyBindings()

    @bindings.add("enter", filter=has_focus(DEFAULT_BUFFER))
    def _(event: KeyPressEvent) -> None:
        """Takes the completion that is chosen, else runs what is whole, else begins a line."""
        buffer = event.current_buffer
        if buffer.complete_state is not None and buffer.complete_state.current_completion is not None:
            buffer.complete_state = None
        elif is_whole(buffer.text):
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return bindings


class _Completer(Completer):
    def __init__(self, completion: Completion) -> None:
        self._completion = completion

    def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterable[Offered]:
        word, candidates = self._completion.candidates(
            document.text_before_cursor, document.text_after_cursor, is_asked=complete_event.completion_requested
        )
        for each in candidates:
            yield Offered(each.text, start_position=-len(word), display_meta=each.meaning)


def _history(folder: Path) -> History:
    """Return the history file, readable by its user only; if there can be none, a history in memory."""
    path = folder / "history"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.fchmod(fd, 0o600)
        finally:
            os.close(fd)
    except OSError as error:
        print(f"tape: no history is kept: {error}", file=sys.stderr)
        return InMemoryHistory()
    return FileHistory(path)
