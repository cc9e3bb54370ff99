"""The operator's pages: metrics, JSON API and dashboard, by Starlette and uvicorn in a process of their own.

The relay starts that process when somebody asks for a page, gives it the listening sockets, and answers what it asks
over a channel (`feed`): numbers at most once a second, and actions. It holds no rules of the relay's and no state
that must not be lost: if it dies the relay goes on, and starts another one for the next who asks.
"""
