"""Library shared by the services for real-time payment-fraud scoring on Kafka.

Public modules, each of which lists its public names in `__all__`:

- `fraudstream.payment_schema`: the declared fields of a payment
- `fraudstream.payment`: the fields of a payment; messages decoded and encoded
- `fraudstream.scored_payment`: rows of the CSV and records of `scored-payments`, read
- `fraudstream.simulation`: simulated payments, and the true probability that each is fraud
- `fraudstream.model.encoding`: the matrix that a classifier gets
- `fraudstream.model.decision`: decision rules, by expected cost or by thresholds
- `fraudstream.model.fraud_model`: the interface of a classifier, and scores
- `fraudstream.model.store`: models saved, activated and loaded
- `fraudstream.errors`: errors by what the caller must do

All other modules are for the services, and may change in any release.
"""
