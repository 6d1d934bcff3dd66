"""Faults of logins: a password that is changed while a scorer runs."""

from pathlib import Path

import pytest

from tests.conftest import Names
from tests.integration.broker.deadline import wait_until
from tests.integration.broker.secured import secured_cluster
from tests.integration.logins import Place
from tests.integration.secrets import WRONG, assert_no_secrets, password_of

pytestmark = pytest.mark.kafka4


@pytest.mark.usefixtures("own_cluster_is_possible")
def test_a_password_that_is_changed_while_it_runs(names: Names, tmp_path: Path) -> None:
    """Scoring continues until connections break; then the scorer logs why, and resumes once its login works again."""
    user = "mover"
    with secured_cluster({}) as cluster:
        place = Place(cluster, names, tmp_path).make_topics_as_administrator()
        cluster.add_user(user, password_of(user))
        cluster.grant(user, *place.rights("scorer"))
        place.send_payments(40)
        with place.scorer_of(user) as scorer:
            place.wait_until_committed()
            cluster.add_user(user, WRONG)
            cluster.broker.kill()
            cluster.broker.start()
            line = scorer.wait_for("Kafka refuses a connection")[0]
            assert f"refuses user '{user}': wrong KAFKA_SASL_USERNAME or KAFKA_SASL_PASSWORD" in line["reason"]
            wait_until(lambda: scorer.heartbeat == line["reason"], 60, "its health check shows the reason")
            place.send_payments(40)
            cluster.add_user(user, password_of(user))
            place.wait_until_committed()
            scorer.stop()
            assert_no_secrets(scorer.output, cluster.folder)
        assert place.assert_each_once() == 80
