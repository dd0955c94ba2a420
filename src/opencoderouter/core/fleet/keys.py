"""What each action of ``Preferences.keybindings`` does, in the words of help and palette."""

from __future__ import annotations

from collections.abc import Mapping

# Section to action to (name, what it does). Every action of `preferences.KEYS` is in here once.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "Move": {
        "up": ("Up", "One row up"),
        "down": ("Down", "One row down"),
        "expand": ("Expand", "Open the row"),
        "collapse": ("Collapse", "Close the row, or go to what it is part of"),
        "toggle": ("Toggle", "Open or close the row"),
        "collapse_all": ("Collapse all", "Close all projects"),
        "next_waiting": ("Next waiting", "Go to the next session that waits for a person"),
        "attention": ("Attention", "List what waits for a person or failed, on all hosts"),
    },
    "Look": {
        "search": ("Search", "Search in hosts, projects, titles and ids; Esc clears"),
        "filter": ("Filter", "Choose which states are shown"),
        "sort": ("Sort", "Change the order of sessions"),
        "inspect": ("Inspect", "Show the panel with what is known of the row"),
        "cycle_view": ("Panel", "Show or hide the panel"),
        "panel_up": ("Panel up", "Scroll the panel up"),
        "panel_down": ("Panel down", "Scroll the panel down"),
        "refresh": ("Refresh", "Ask all hosts again now"),
        "error_detail": ("Error details", "Show the last error and how to mend it"),
    },
    "Sessions": {
        "attach": ("Attach", "Attach to a session; open or close other rows"),
        "reply": ("Reply", "Allow, reject or answer what a session waits for"),
        "new_session": ("New session", "Make a session in a directory of the host"),
        "kill_session": ("Stop or archive", "Stop the work of a session, or archive it"),
        "delete_session": ("Delete", "Export a session to a file, then delete it"),
        "mark": ("Mark", "Mark a session, to archive several at once"),
        "browser": ("Browser", "Open a session in the browser of this machine"),
        "copy_id": ("Copy id", "Copy the session's id, directory or host name"),
        "copy_attach": ("Copy command", "Copy the command that attaches to a session"),
    },
    "Projects and hosts": {
        "git_clone": ("Clone", "Clone a repository on the host and start there"),
        "start_server": ("Start server", "Start an OpenCode server for a project"),
        "reload_sessions": ("Restart server", "Restart the OpenCode server of a project"),
        "authenticate": ("Log in", "Show the commands that let a host let us in"),
    },
    "Program": {
        "help": ("Help", "Show all keys and signs"),
        "quit": ("Quit", "Leave the program"),
    },
}
ACTIONS: Mapping[str, tuple[str, str]] = {
    action: words for section in SECTIONS.values() for action, words in section.items()
}
