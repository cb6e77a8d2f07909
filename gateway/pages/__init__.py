"""Plain pages for people, made on the server, in French, without JavaScript."""
