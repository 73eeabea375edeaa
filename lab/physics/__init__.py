"""The physics: what a data centre's hardware and a hub's controllers do, in one daemon of small reconcilers.

It reacts to nothing but the hardware's state and the hub's API. ``python -m lab.physics <lab directory>`` runs it.
"""
