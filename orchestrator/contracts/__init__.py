"""What crosses a wire: parcels and walk orders to a site, reports and batches back, and the API's models.

Messages are additive: a new field goes to the end and has a default, so an old worker and a new hub can talk.
"""
