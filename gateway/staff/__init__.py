"""Pages of those who come in by a link: permanents with their work list, structures with their entry.

Plain forms in French, without JavaScript. They own no rule: each act is one call of a room, by the actor of who is in.
"""
