"""The shop: another program's traffic, made with the client libraries themselves.

It knows nothing of mqtui's adapters or services, so what it leaves on the brokers is what a Spring, Connect or
home-made application leaves there. One module a subject: ``spring``, ``connect`` and ``failures`` write dead letters
in the frameworks' formats; ``kafka_*``, ``rabbitmq_*`` and ``redis_*`` seed a broker and keep it busy.
``python -m mqtui.demo.shop`` runs it.
"""
