-- :name mend
SELECT workmill.mend(%s, %s, %s, %s, %s, %s);
