"""Smart charging at a location: a limit per phase, shared among the connectors that charge.

`sharing` and `hours` are pure: who gets what, and which limit holds when. `picture` reads what is so now; `control` asks the stations;
`record` keeps who got what. What a connector may take is bounded at every moment by what its station has confirmed (see `picture.bound`),
and nobody is given more before others have confirmed less. Every profile falls back to the safe value by itself, so that all of it holds
when stations, or the portal, fall silent.
"""
