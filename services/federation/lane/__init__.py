"""The fast lane: public events from node to node by RabbitMQ's federation plugin, in milliseconds.

Each side makes its own half, on its own broker, by its own command. The lane carries copies of what the log holds and
is believed no more than HTTPS is: every event is proved (`services/federation/taking.py`), a gap is read from the log,
and a lane that is cut, wiped, hostile or slow delays an event at most until heads are asked for again.
"""
