"""The command line `fraudstream`: one subcommand per task."""
