"""What MLflow runs to load a registered forecaster: the installed package does the rest."""

from mlflow.models import set_model

from pipelines.serving.pyfunc_model import BundleModel

set_model(BundleModel())
