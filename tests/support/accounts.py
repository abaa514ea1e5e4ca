"""An application with users: Flask-SQLAlchemy and Flask-Login, with their own defaults.

The database is a SQLite file behind a pool of one connection. Code that holds the connection keeps
all other code from the database.
"""

from __future__ import annotations

from typing import Any, Dict

import gevent
from flask import Flask
from flask_login import LoginManager, UserMixin, login_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.pool import QueuePool

from tests.support.answers import cookies_of
from tests.support.leaks import TURN
from tests.support.runtimes import HANG_GUARD

USERS = ("ada", "grace")


class Accounts:
    """The users of an app. They log in by ``POST /login/<name>``.

    :ivar loads: how often Flask-Login has loaded a user.
    """

    def __init__(self, app: Flask, path: Any) -> None:
        app.config.update(database_config(path))
        self.app = app
        self.db = SQLAlchemy(app)
        self.User = user_model(self.db)
        self.login_manager = LoginManager(app)
        self.login_manager.user_loader(self._load)
        self.loads = 0
        app.add_url_rule("/login/<name>", "login", self._login, methods=["POST"])
        with app.app_context():
            self.db.create_all()
            self.db.session.add_all(self.User(name=name) for name in USERS)
            self.db.session.commit()

    def named(self, name: str) -> Any:
        """The row of a user, in the session of the current context."""
        return self.db.session.query(self.User).filter_by(name=name).one()

    def count(self) -> int:
        """The number of users. Takes the connection."""
        return self.db.session.query(self.User).count()

    def connections_in_use(self) -> int:
        with self.app.app_context():
            return self.db.engine.pool.checkedout()

    def logged_in(self, name: str) -> Dict[str, str]:
        """The headers of the next request of a user who has logged in."""
        with self.app.test_client() as client:
            return cookies_of(client.post(f"/login/{name}"))

    def close(self) -> None:
        """Close the connection when it is back. A teardown runs a moment after the last event."""
        with gevent.Timeout(HANG_GUARD):
            while self.connections_in_use():
                gevent.sleep(TURN)
        with self.app.app_context():
            self.db.engine.dispose()

    def _login(self, name: str) -> str:
        login_user(self.named(name))
        return name

    def _load(self, identity: str) -> Any:
        self.loads += 1
        return self.db.session.query(self.User).filter_by(id=int(identity)).one()


def database_config(path: Any) -> Dict[str, Any]:
    return {
        "SQLALCHEMY_DATABASE_URI": f"sqlite:///{path}",
        "SQLALCHEMY_TRACK_MODIFICATIONS": False,
        "SQLALCHEMY_ENGINE_OPTIONS": {
            "poolclass": QueuePool,
            "pool_size": 1,
            "max_overflow": 0,
            "pool_timeout": HANG_GUARD / 2,
            "connect_args": {"check_same_thread": False},  # the pool lends it to any thread
        },
    }


def user_model(db: Any) -> Any:
    class User(UserMixin, db.Model):
        id = db.Column(db.Integer, primary_key=True)
        name = db.Column(db.String(20), unique=True)
        friend_id = db.Column(db.ForeignKey("user.id"))
        friend = db.relationship("User", remote_side=[id])

    return User
