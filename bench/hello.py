"""The least that a function in Python can be."""


def handler(event, context):
    return {"statusCode": 200, "body": "hello"}
