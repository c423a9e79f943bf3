"""What devices have and do: by their data sheets (`cards.yaml`), as a user says (`rates.py`), by engine (`speed.py`).

`speed.py` may import the estimates' setup and cache; all of them what lies below the room.
"""
