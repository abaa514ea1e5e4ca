import importlib
import os

module, _, name = os.environ["FLASK_APP"].partition(":")
application = getattr(importlib.import_module(module), name)
