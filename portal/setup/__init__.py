"""What an admin sets up and looks over on the command line: `manage.py init`, `check` and `config`.

Reading order: `findings` and `report` (what was found, and how it is told), `together` (many looks at once, none for
long), `origins`, `keys`, `storing`, `outside`, `dry_run`, `registration`, `clocks` and `strays` (what is looked at),
`check` (all of it); `choices`, `asking`, `entries`, `draft` and `init` (a configuration is made); `descriptions`,
`schema`, `shown` and `config` (it is told of).
"""
