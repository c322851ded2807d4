"""The rules: for each subject a module of functions that give findings. `texts/` says what each rule is about.

Importing this package registers all checks (`checks.registry`).
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__, f"{__name__}."):
    import_module(_module.name)
