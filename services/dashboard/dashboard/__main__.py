"""Wires the dashboard: settings → followers of Kafka and metrics → board → pages."""

import asyncio
import sys
import time
from os import environ

from dashboard.announcement import announce
from dashboard.board import Board
from dashboard.find import Finder
from dashboard.follow import Follower
from dashboard.group_lag import GroupLag
from dashboard.replicas import Replicas
from dashboard.scrape import Scraper
from dashboard.viewers import Viewers
from dashboard.web import LIMITS, LINKED, application
from fraudstream.kafka.patches import patch_aiokafka
from fraudstream.runtime import logs
from fraudstream.runtime.currency import CurrencySettings
from fraudstream.runtime.endpoint import endpoint
from fraudstream.runtime.heartbeat import Heartbeat
from fraudstream.runtime.http_guard import Guard
from fraudstream.runtime.http_server import served
from fraudstream.runtime.metrics import DashboardMetrics
from fraudstream.runtime.own_command import own_command
from fraudstream.runtime.run import alongside, run
from fraudstream.runtime.schema_file import load_schema
from fraudstream.runtime.settings import (
    DashboardSettings,
    GroupSettings,
    HeartbeatSettings,
    KafkaSettings,
    LogSettings,
    MetricsSettings,
    TopicSettings,
)
from fraudstream.scored_payment import ScoredFormat


async def main(stop: asyncio.Event) -> None:
    log = logs.configure(LogSettings.from_env(environ), "dashboard")
    patch_aiokafka()
    kafka, topics = KafkaSettings.from_env(environ), TopicSettings.from_env(environ)
    settings = DashboardSettings.from_env(environ)
    scored = ScoredFormat(load_schema(environ))
    heartbeat = Heartbeat(HeartbeatSettings.from_env(environ).file)
    heartbeat.beat("waiting for Kafka")
    replicas, metrics = Replicas(), DashboardMetrics()
    metrics.set_schema(scored.schema)
    currency = CurrencySettings.from_env(environ).currency
    board = Board(kafka.bootstrap_servers, scored, replicas, time.time(), currency=currency, command=own_command())
    viewers, finder = Viewers(board), Finder(kafka, topics.scored, board)
    metrics.viewers.set_function(viewers.__len__)
    follower = Follower(kafka=kafka, topics=topics, board=board, heartbeat=heartbeat, metrics=metrics)
    scraper = Scraper(settings.metrics_of, replicas, lambda: board.measure(time.time()))
    group_lag = GroupLag(kafka, topics.input, GroupSettings.from_env(environ).group, board)
    guard = Guard(names=settings.names, variable="DASHBOARD_HOSTS", linked=LINKED)
    async with (
        endpoint(MetricsSettings.from_env(environ), metrics, heartbeat.path),
        served(
            application(viewers, finder),
            guard,
            LIMITS,
            host=settings.host,
            port=settings.port,
            variable="DASHBOARD_PORT",
        ) as address,
        alongside(viewers.run(), scraper.run(), group_lag.run()),
    ):
        # a free port that was chosen is known from this line only, and is logged at once
        waits = bool(settings.metrics_of and settings.port)
        async with alongside(announce(address, replicas, waits=waits)):
            await follower.run(stop)
    log.info("dashboard stopped")


if __name__ == "__main__":
    sys.exit(run(main))
