"""Overload and fairness: honest clients beside flooders, busy receivers, and clients that stop reading."""
