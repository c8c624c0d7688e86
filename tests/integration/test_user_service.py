"""user-service, called by grpcio."""

import uuid

from grpc import StatusCode

from harness import expect, expect_equal, expect_within

ALICE = {"username": "alice", "email": "alice@example.com", "full_name": "Alice", "age": 28}


def start(t):
    return t.stub(t.service("user-service").port, "user.v1.UserService")


def fields_of(refusal):
    expect_equal(len(refusal.details), 1, "number of details")
    return [violation.field for violation in refusal.details[0].field_violations]


def test_hello_names_the_caller(t):
    user = start(t)
    expect_equal(user("SayHello", name="alice").message, "Hello, alice!")
    expect_equal(user("SayHello", name="Zoë 你好").message, "Hello, Zoë 你好!")
    expect_equal(fields_of(user.fails(StatusCode.INVALID_ARGUMENT, "SayHello")), ["name"])


def test_a_created_user_can_be_read(t):
    user = start(t)
    made = user("CreateUser", **ALICE).user
    expect_equal(str(uuid.UUID(made.id)), made.id, "id")
    for name, value in ALICE.items():
        expect_equal(getattr(made, name), value, name)
    expect(made.created_at.seconds > 1_700_000_000, "created_at")
    expect_equal(made.created_at, made.updated_at, "created_at and updated_at")
    expect_equal(user("GetUser", id=made.id).user, made)


def test_missing_fields_are_named_all_at_once(t):
    user = start(t)
    refusal = user.fails(StatusCode.INVALID_ARGUMENT, "CreateUser", full_name="Nobody")
    expect_equal(fields_of(refusal), ["username", "email"])
    expect_equal(refusal.message, "username: is missing; email: is missing")


def test_fields_have_limits(t):
    user = start(t)
    for wrong, field in [
        ({"username": "x" * 65}, "username"),
        ({"username": "a\nb"}, "username"),
        ({"email": "x" * 251 + "@a.b"}, "email"),
        ({"email": "example.com"}, "email"),
        ({"email": "a b@example.com@"}, "email"),
        ({"full_name": "x" * 257}, "full_name"),
        ({"age": -1}, "age"),
        ({"age": 151}, "age"),
    ]:
        refusal = user.fails(StatusCode.INVALID_ARGUMENT, "CreateUser", **{**ALICE, **wrong})
        expect_equal(fields_of(refusal), [field], f"fields for {wrong}")
    user("CreateUser", username="x" * 64, email="e@" + "x" * 252, full_name="x" * 256, age=150)


def test_text_that_is_not_utf8_is_refused(t):
    service = t.service("user-service")
    call = t.channel(service.port).unary_unary("/user.v1.UserService/SayHello")
    try:
        call(b"\x0a\x02\xff\xfe", timeout=5)
    except Exception as error:  # pylint: disable=broad-except
        expect(error.code() in (StatusCode.INVALID_ARGUMENT, StatusCode.INTERNAL), str(error.code()))
    else:
        expect(False, "expected a refusal")


def test_a_taken_username_or_email_is_refused(t):
    user = start(t)
    user("CreateUser", **ALICE)
    refusal = user.fails(StatusCode.ALREADY_EXISTS, "CreateUser", username="alice", email="other@example.com")
    expect_equal(refusal.message, 'username "alice" is taken')
    expect_equal(refusal.details[0].resource_type, "user.v1.User")
    refusal = user.fails(StatusCode.ALREADY_EXISTS, "CreateUser", username="bob", email="alice@example.com")
    expect_equal(refusal.message, 'email "alice@example.com" is taken')
    expect_equal(refusal.details[0].resource_name, "alice@example.com")
    bob = user("CreateUser", username="bob", email="bob@example.com").user
    refusal = user.fails(StatusCode.ALREADY_EXISTS, "UpdateUser", id=bob.id, username="alice")
    expect_equal(refusal.message, 'username "alice" is taken')
    refusal = user.fails(StatusCode.ALREADY_EXISTS, "UpdateUser", id=bob.id, username="bob", email=ALICE["email"])
    expect_equal(refusal.message, 'email "alice@example.com" is taken')
    expect_equal(user("GetUser", id=bob.id).user, bob)


def test_unknown_ids_are_not_found(t):
    user = start(t)
    for method in "GetUser", "UpdateUser", "DeleteUser":
        refusal = user.fails(StatusCode.NOT_FOUND, method, id="nobody")
        expect_equal(refusal.message, "user not found")
        expect_equal(refusal.details[0].resource_name, "nobody", "resource")
        expect_equal(fields_of(user.fails(StatusCode.INVALID_ARGUMENT, method)), ["id"])
        expect_equal(fields_of(user.fails(StatusCode.INVALID_ARGUMENT, method, id="x" * 65)), ["id"])


def test_an_update_leaves_empty_fields_as_they_are(t):
    user = start(t)
    made = user("CreateUser", **ALICE).user
    changed = user("UpdateUser", id=made.id, full_name="Alice B.").user
    expect_equal((changed.username, changed.email, changed.full_name, changed.age),
                 ("alice", "alice@example.com", "Alice B.", 28))
    expect_equal(changed.created_at, made.created_at, "created_at")
    expect(changed.updated_at.ToMicroseconds() > made.updated_at.ToMicroseconds(), "updated_at")
    changed = user("UpdateUser", id=made.id, username="al", email="al@example.com", age=29).user
    expect_equal((changed.username, changed.email, changed.full_name, changed.age),
                 ("al", "al@example.com", "Alice B.", 29))
    expect_equal(user("GetUser", id=made.id).user, changed)
    expect_equal(fields_of(user.fails(StatusCode.INVALID_ARGUMENT, "UpdateUser", id=made.id, age=-3)), ["age"])


def test_a_deleted_user_is_gone(t):
    user = start(t)
    made = user("CreateUser", **ALICE).user
    expect_equal(user("DeleteUser", id=made.id).success, True)
    user.fails(StatusCode.NOT_FOUND, "GetUser", id=made.id)
    user.fails(StatusCode.NOT_FOUND, "DeleteUser", id=made.id)
    user("CreateUser", **ALICE)


def test_lists_come_in_pages(t):
    user = start(t)
    ids = [user("CreateUser", username=f"u{i}", email=f"u{i}@example.com").user.id for i in range(105)]

    def page(**fields):
        answer = user("ListUsers", **fields)
        expect_equal(answer.total, 105, "total")
        return [one.id for one in answer.users]

    expect_equal(page(), ids[:20])
    expect_equal(page(page=2), ids[20:40])
    expect_equal(page(page=1, page_size=7), ids[:7])
    expect_equal(page(page=16, page_size=7), ids[105:])
    expect_equal(page(page=15, page_size=7), ids[98:105])
    expect_equal(page(page_size=1000), ids[:100])
    expect_equal(page(page=2, page_size=1000), ids[100:])
    expect_equal(page(page=2**31 - 1, page_size=100), [])
    expect_equal(fields_of(user.fails(StatusCode.INVALID_ARGUMENT, "ListUsers", page=-1, page_size=-1)),
                 ["page", "page_size"])


def test_two_instances_share_the_data(t):
    one = t.service("user-service")
    two = t.service("user-service", db=one.db)
    first, second = (t.stub(s.port, "user.v1.UserService") for s in (one, two))
    made = first("CreateUser", **ALICE).user
    expect_equal(second("GetUser", id=made.id).user, made)
    second.fails(StatusCode.ALREADY_EXISTS, "CreateUser", **ALICE)
    second("DeleteUser", id=made.id)
    first.fails(StatusCode.NOT_FOUND, "GetUser", id=made.id)
    expect_within(first("ListUsers").total, 0, 0, "total")


def test_data_outlives_a_killed_instance(t):
    service = t.service("user-service")
    made = t.stub(service.port, "user.v1.UserService")("CreateUser", **ALICE).user
    service.kill()
    again = t.service("user-service", db=service.db)
    expect_equal(t.stub(again.port, "user.v1.UserService")("GetUser", id=made.id).user, made)
