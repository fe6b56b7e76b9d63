"""The application that takes in all others, so that one worker and one dashboard serve them."""

from examples.chess.tasks import app as chess
from examples.one_at_a_time.tasks import app as one_at_a_time
from examples.producer_consumer.tasks import app as producer_consumer
from examples.robot.tasks import app as robot
from examples.sentiment.tasks import app as sentiment
from workmill import App

app = App()
app.include(chess, producer_consumer, one_at_a_time, sentiment, robot)
