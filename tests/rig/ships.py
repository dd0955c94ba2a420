"""The hosts of the ``armada``: each odd kind of SSH server and of client configuration once."""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "let-me-in"  # of every account that has one
PASSPHRASE = "open-sesame"  # of the key that has one

# account, login shell
USERS = {
    "alice": "/bin/sh",
    "bob": "/bin/sh",
    "carol": "/bin/sh",
    "dave": "/bin/sh",  # has no OpenCode
    "erin": "/bin/sh",  # has one that is broken
    "frank": "/bin/bash",  # greets whoever comes, terminal or not
    "dan": "/bin/dash",
    "nora": "/usr/sbin/nologin",
    "gina": "/bin/dash",  # has never run OpenCode
}


@dataclass(frozen=True, slots=True)
class Ship:
    """A host. ``server`` are lines of its sshd_config; None: there is no sshd.

    ``client`` are lines of the client's configuration; ``key`` the identity it offers (a file of
    the rig, or "" for none but the agent's). ``known`` says how its host key is known: ``plain``,
    ``hashed``, ``none``, ``other``, ``wildcard``, ``ca``, ``revoked``, ``alias``, ``rsa``.
    """

    user: str = "alice"
    server: tuple[str, ...] | None = ()
    client: tuple[str, ...] = ()
    key: str = "id"
    known: str = "plain"


_PASSWORD = ("PubkeyAuthentication no", "PasswordAuthentication yes")
_KEYBOARD = (
    "UsePAM yes",
    "PubkeyAuthentication no",
    "KbdInteractiveAuthentication yes",
    "AuthenticationMethods keyboard-interactive",
)
_SLOW = 'ForceCommand sleep 2; exec /bin/sh -c "$SSH_ORIGINAL_COMMAND"'

# {config} is the file of the client's configuration, {folder} that of the rig.
SHIPS = {
    "plain": Ship(),
    "agent": Ship(key=""),
    "certificate": Ship(server=("TrustedUserCAKeys {etc}/user_ca.pub",), key="certified"),
    "passphrase": Ship(key="locked"),
    "wrongkey": Ship(key="stranger"),
    "password": Ship(server=_PASSWORD),
    "keyboard": Ship(server=_KEYBOARD),
    "hashed": Ship(known="hashed"),
    "keyalias": Ship(client=("HostKeyAlias some-other-name",), known="alias"),
    "rsa": Ship(known="rsa"),
    "wildcard": Ship(known="wildcard"),
    "hostca": Ship(server=("HostCertificate {etc}/hostca-cert.pub",), known="ca"),
    "revoked": Ship(known="revoked"),
    "unknown": Ship(known="none"),
    "acceptnew": Ship(client=("StrictHostKeyChecking accept-new",), known="none"),
    "changed": Ship(known="other"),
    "jump": Ship(client=("ProxyJump plain",)),
    "jump2": Ship(client=("ProxyJump jump",)),
    "jumplist": Ship(client=("ProxyJump plain,hashed",)),
    "command": Ship(client=("ProxyCommand ssh -F {config} -W %h:%p plain",)),
    "blocked": Ship(client=("ProxyJump refused",)),
    "locked": Ship(client=("ProxyJump password",)),
    "refused": Ship(server=None),
    "mute": Ship(server=None, client=("ConnectTimeout 2",)),  # accepts, never speaks
    "halfmute": Ship(server=None, client=("ConnectTimeout 2",)),  # says its version, then nothing
    "closing": Ship(server=None),  # hangs up at once
    "nowhere": Ship(server=None, client=("HostName no-such-host.invalid",)),
    "slow": Ship(server=(_SLOW,)),
    "noisy": Ship(user="frank", server=("Banner {etc}/banner",)),
    "dash": Ship(user="dan"),
    "fresh": Ship(user="gina"),
    "modern": Ship(server=("KexAlgorithms sntrup761x25519-sha512@openssh.com",)),
    "noforward": Ship(server=("AllowTcpForwarding no",)),
    "nologin": Ship(user="nora"),
    "none": Ship(user="dave"),
    "broken": Ship(user="erin"),
    "servers": Ship(user="bob"),
    "many": Ship(user="carol"),
    "crowded": Ship(server=("MaxSessions 10", "MaxStartups 10:30:60")),
}
