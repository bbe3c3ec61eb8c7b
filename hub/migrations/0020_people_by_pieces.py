from django.db import migrations

from hub import word_index


class Migration(migrations.Migration):
    dependencies = [("hub", "0019_words_of_the_ledger")]
    operations = [
        migrations.RunPython(
            lambda _apps, editor: word_index.make(editor.connection),
            lambda _apps, editor: word_index.drop(editor.connection),
        )
    ]
